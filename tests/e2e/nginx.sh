#!/usr/bin/env bash
# deploy/nginx/stapes.conf in a real nginx, before two real servers, one of which ends in the middle.
source "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
for program in nginx openssl curl node; do
  command -v $program >/dev/null || { echo "SKIPPED: the nginx example was NOT tested: $program is not installed" >&2; exit 77; }
done

: >out
: >err
pids=()
nginx_pid=
trap 'kill -KILL "${pids[@]}" 2>/dev/null || true; kill -TERM $nginx_pid 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# wait_until COMMAND...
wait_until() {
  for ((i = 0; i < 1500; ++i)); do
    "$@" && return
    sleep 0.02
  done
  cat nginx/error.log ./*.log >err 2>&1 || true
  failed "this did not come to be: $*"
}

address_of() { grep -oEm1 'http://127\.0\.0\.1:[0-9]+' "$1.log"; }
answers() { curl -s -o health.out --max-time 60 "$(address_of "$1")/health" && grep -q '"status":"ok"' health.out; }
is_idle() { curl -s --max-time 60 "$(address_of "$1")/health" | grep -q '"queued_requests":0,"live_sequences":0'; }

# serve NAME [PORT]: its process stands in NAME.pid. The model's name says who has answered.
serve() {
  : >"$1.log"
  rm -f "$1.pid" "$1.status"
  { # the shell in between would say "Killed" where that is what is wanted
    "$STAPES" serve "$ENDLESS_MODEL" --port "${2:-0}" --threads 1 --model-name "$1" --max-body 1 2>>"$1.log" >/dev/null &
    echo $! >"$1.pid"
    status=0
    wait $! || status=$?
    echo $status >"$1.status"
  } 2>/dev/null &
  wait_until test -s "$1.pid"
  pids+=("$(<"$1.pid")")
  wait_until address_of "$1" >/dev/null
  wait_until answers "$1"
}
port_of() { local url; url=$(address_of "$1"); echo "${url##*:}"; }

# ends STATUS NAME
ends() {
  wait_until test -s "$2.status"
  [[ $(<"$2.status") == "$1" ]] || { cp "$2.log" err; failed "$2 ended with $(<"$2.status") in place of $1"; }
}

# The example as it stands, but for where it listens and logs, a smaller largest body, and quicker forgiveness.
start_nginx() {
  mkdir -p nginx/conf.d nginx/stapes nginx/body
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=stapes.example.org \
    -addext subjectAltName=DNS:stapes.example.org -keyout nginx/stapes/privkey.pem -out nginx/stapes/fullchain.pem 2>err ||
    failed "openssl"
  sed -e '/\[::\]:/d' -e "s|listen 80;|listen unix:$work/plain.sock;|" -e "s|listen 443 |listen unix:$work/tls.sock |" \
    -e "s|/var/log/nginx/stapes.log|$work/access.log|" -e 's|client_max_body_size  *64m|client_max_body_size 1m|' \
    "$SOURCE/deploy/nginx/stapes.conf" >nginx/conf.d/stapes.conf
  for name in survivor victim; do
    sed -n 's|^server [^ ]*\(.*\)fail_timeout=10s;|server 127.0.0.1:PORT\1fail_timeout=1s;|p' \
      "$SOURCE/deploy/nginx/stapes-replicas.inc" | sed "s/PORT/$(port_of $name)/"
  done >nginx/stapes-replicas.inc
  has nginx/stapes-replicas.inc ":$(port_of survivor) " ":$(port_of victim) "
  cat >nginx/nginx.conf <<END
$( ((EUID == 0)) && echo "user root;" )
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/temp;
  fastcgi_temp_path $work/nginx/temp;
  uwsgi_temp_path $work/nginx/temp;
  scgi_temp_path $work/nginx/temp;
  include conf.d/*.conf;
}
END
  nginx -c "$work/nginx/nginx.conf" -e "$work/nginx/error.log" 2>err &
  nginx_pid=$!
  wait_until test -S tls.sock
}

# via_nginx STATUS PATH CURL_ARGUMENT...: HTTP/2 over TLS; the body is the file `out`.
via_nginx() {
  local expected=$1 path=$2
  shift 2
  got=$(curl -sS -o out -w '%{http_code}' --max-time 60 --http2 --unix-socket tls.sock --cacert nginx/stapes/fullchain.pem \
    "https://stapes.example.org$path" "$@" 2>err) || failed "curl $path $*"
  [[ $got == "$expected" ]] || failed "status $got in place of $expected of $path $*"
}

# load SIGNAL
load() {
  PROXY_SOCKET=$work/tls.sock CA_FILE=nginx/stapes/fullchain.pem SURVIVOR=$(address_of survivor) \
    VICTIM=$(address_of victim) VICTIM_PID=$(<victim.pid) succeeds node "$SOURCE/tests/e2e/nginx_client.mjs" "$1"
  has out "silent: 0 streams, 0 others" "hung: 0 streams, 0 others" "told: 0 streams, 0 others" "whole but wrong: 0" \
    "begun after $1, and not whole: 0" "by the victim before and by the survivor: true"
}

json=(-H 'content-type: application/json')
ask() {
  printf '{"messages": [{"role": "user", "content": [%s{"type": "text", "text": "%s"}]}], "max_tokens": 4%s}' "$1" "$2" "${3-}"
}

serve survivor
serve victim
start_nginx

# TLS by the certificate and no other way; ordinary answers and streams.
via_nginx 200 /health
has out '"status":"ok"'
via_nginx 200 /
has out '</html>'
via_nginx 200 /v1/chat/completions "${json[@]}" -d "$(ask "" Hello)"
has out '"object":"chat.completion"'
via_nginx 200 /v1/chat/completions "${json[@]}" -N -d "$(ask "" Hello ', "stream": true')"
has out 'data: {' 'data: [DONE]'
fails_tls() { curl -sS -o out --unix-socket tls.sock "https://stapes.example.org/health" 2>err; }
! fails_tls || failed "the certificate was trusted by nobody's word"
curl -sS -o out -w '%{http_code}' --unix-socket plain.sock http://stapes.example.org/v1/models >status 2>err || failed "port 80"
has status 403

# nginx's own refusals are JSON; the metrics are not for everybody.
via_nginx 404 /metrics
has out '"code":"unknown_url"'
head -c 2000000 /dev/zero | tr '\0' ' ' >large.json
via_nginx 413 /v1/chat/completions "${json[@]}" --data-binary @large.json
has out 'larger than the proxy allows'

# A client's name for its request comes back, and stands in both logs.
via_nginx 200 /v1/models -H 'x-request-id: my-own-id' -D headers
has headers 'x-request-id: my-own-id'
has access.log '"id":"my-own-id"'
cat survivor.log victim.log >both.log
has both.log my-own-id

# The same sound is always asked of the same server, and finds what that knows of it; a header does the same.
questions=0
who() { grep -oE '"model":"[a-z]+"' out; }
for clip in "$SOURCE"/samples/*.wav; do
  data=$(base64 -w 0 "$clip")
  sound='{"type": "input_audio", "input_audio": {"format": "wav", "data": "'$data'"}}, '
  by_url='{"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,'$data'"}}, '
  for part in "$sound" "$by_url" "$sound"; do
    ask "$part" "Question $((++questions))" >body.json
    via_nginx 200 /v1/chat/completions "${json[@]}" --data @body.json
    who
  done | sort -u >answered-by
  [[ $(wc -l <answered-by) == 1 ]] || failed "$clip was asked of both servers"
  ! grep -q '"cached_tokens":0' out || failed "nothing was known of $clip"
done
for key in {1..12}; do
  for question in One Two; do
    via_nginx 200 /v1/chat/completions "${json[@]}" -H "x-stapes-affinity: speaker $key" -d "$(ask "" $question)"
    who
  done | sort -u >answered-by
  [[ $(wc -l <answered-by) == 1 ]] || failed "affinity $key was asked of both servers"
  cat answered-by >>by-affinity
done
has by-affinity survivor victim

# Who leaves the proxy leaves the server.
curl -sS -N --unix-socket tls.sock --cacert nginx/stapes/fullchain.pem https://stapes.example.org/v1/chat/completions \
  "${json[@]}" -d "$(ask "" Hello ', "stream": true' | sed 's/"max_tokens": 4/"max_tokens": 60000, "temperature": 0/')" >stream 2>err &
reader=$!
wait_until test -s stream
kill -KILL $reader
wait $reader 2>/dev/null || true
wait_until is_idle survivor
wait_until is_idle victim

# A server dies under load: streams that had begun are cut, and the clients see it; all else is answered by the other.
load SIGKILL
! grep -q 'cut: 0 streams' out || failed "nothing was streaming when the server died"
cp out after-kill
ends 137 victim
wait_until is_idle survivor

# It comes back, and is told to end under load: nobody notices.
serve victim "$(port_of victim)"
sleep 1.1 # as long as nginx leaves it alone
load SIGTERM
has out "cut: 0 streams, 0 others"
ends 0 victim
has victim.log "ending:"

# Nobody is left.
kill -TERM "$(<survivor.pid)"
ends 0 survivor
via_nginx 502 /v1/chat/completions "${json[@]}" -d "$(ask "" Hello)" -D headers
has out '"code":"no_replica"'
has headers 'retry-after'
cat after-kill
