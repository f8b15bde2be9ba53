#!/usr/bin/env bash
# stapes serve: with curl and signals, as people run it. What it answers is tested beside its sources.
source "$(dirname "$0")/lib.sh"
command -v curl >/dev/null || { echo "SKIPPED: stapes serve was NOT tested: curl is not installed" >&2; exit 77; }

server=
end_server() {
  if [[ -n $server ]]; then kill -KILL "$server" 2>/dev/null || true; fi
}
trap 'end_server; rm -rf "$work"' EXIT

# serve ARGUMENT...: starts a server on a free port; its log is the file `log`, its address $url.
serve() {
  : >log
  set -m  # a process group of its own, where Ctrl-C is not ignored
  "$STAPES" serve --port 0 --threads 1 "$@" 2>>log >/dev/null &
  server=$!
  set +m
  url=
  for ((i = 0; i < 600; ++i)); do
    url=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' log | head -n 1) || true
    [[ -n $url ]] && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.02
  done
  cp log err; : >out
  failed "the server did not start"
}

# ends STATUS: the server ends by itself with it, within a minute.
ends() {
  for ((i = 0; i < 3000; ++i)); do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.02
  done
  if kill -0 "$server" 2>/dev/null; then
    cp log err; : >out
    failed "the server did not end"
  fi
  status=0
  wait "$server" || status=$?
  server=
  cp log err; : >out
  ((status == $1)) || failed "the server ended with $status in place of $1"
}

# gets STATUS CURL_ARGUMENT...: the body is the file `out`.
gets() {
  local expected=$1
  shift
  got=$(curl -sS -o out -w '%{http_code}' --max-time 60 "$@" 2>err) || failed "curl $*"
  [[ $got == "$expected" ]] || failed "status $got in place of $expected of: curl $*"
}

# wait_for TEXT FILE
wait_for() {
  for ((i = 0; i < 600; ++i)); do
    grep -qF -- "$1" "$2" 2>/dev/null && return
    sleep 0.02
  done
  cp log err; : >out
  failed "no \"$1\" came into $2"
}

json=(-H 'content-type: application/json')
question='{"messages": [{"role": "user", "content": "a secret question"}], "max_tokens": 8}'

# The first start: what it says, the page, and an answer to a sound.
serve "$MODEL"
has log "serving random" "$url/v1/chat/completions" "Ctrl-C"
gets 200 "$url/"
has out '<html' '</html>'
gets 200 "$url/health"
has out '"status":"ok"'
printf '{"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "wav", "data": "%s"}}]}], "max_tokens": 8}' \
  "$(base64 -w 0 "$sample")" >sound.json
gets 200 "${json[@]}" --data @sound.json "$url/v1/chat/completions"
has out '"object":"chat.completion"' '"audio_tokens":2'
gets 200 "${json[@]}" --data "$question" "$url/v1/chat/completions"
gets 200 -N "${json[@]}" --data "${question/\{/\{\"stream\": true, }" "$url/v1/chat/completions"
has out 'data: {' 'data: [DONE]'
# The command that the server itself proposes.
proposed=$(sed -n '/^  curl /,/}'"'"'$/p' log)
bash -c "$proposed -sS" >out 2>err || failed "the proposed command: $proposed"
has out '"object":"chat.completion"'
# A body of several MB waits for 100 Continue, and is too large for some.
head -c 3000000 /dev/zero | tr '\0' ' ' >large.json
gets 400 "${json[@]}" --data-binary @large.json "$url/v1/chat/completions"
# The log: a line for each request, with the id that the client gave; nothing of what was asked.
gets 200 -H 'x-request-id: my-own-id' "$url/v1/models"
kill -TERM "$server"
ends 0
has log "my-own-id" "GET /v1/models 200" "POST /v1/chat/completions 200"
! grep -q secret log || failed "the log holds the question"

# Running answers are ended (this one takes some seconds to read), others refused; then the end comes by itself.
serve "$ENDLESS_MODEL"
: >stream
curl -sSN --max-time 60 --limit-rate 400k "${json[@]}" --data '{"messages": [{"role": "user", "content": "go on"}], "temperature": 0, "max_tokens": 6000, "stream": true}' \
  "$url/v1/chat/completions" >stream 2>curl-err &
client=$!
wait_for "data: " stream
kill -TERM "$server"
wait_for ending log
gets 503 "$url/health"
has out draining
gets 503 "${json[@]}" --data "$question" "$url/v1/chat/completions"
wait "$client" || failed "the running answer was cut"
ends 0
cp stream out
has stream '"finish_reason":"length"' 'data: [DONE]'

# A second signal does not wait.
serve "$ENDLESS_MODEL"
: >stream
curl -sSN --max-time 60 "${json[@]}" --data '{"messages": [{"role": "user", "content": "go on"}], "max_tokens": 60000, "stream": true}' \
  "$url/v1/chat/completions" >stream 2>curl-err &
client=$!
wait_for "data: " stream
kill -INT "$server"
wait_for ending log
kill -INT "$server"
ends 130
status=0
wait "$client" || status=$?
((status != 0)) || failed "curl took a cut answer for a whole one"

# Keys; a log of JSON lines.
printf '# ours\nsecret-key\n' >keys
serve "$MODEL" --api-key-file keys --log-json --model-name other/name
gets 401 "$url/v1/models"
has out '"code":"invalid_api_key"'
gets 200 -H 'authorization: Bearer secret-key' "$url/v1/models"
has out '"id":"other/name"'
gets 200 "$url/health"
kill -TERM "$server"
ends 0
! grep -qv '^{"time":".*}$' log || failed "a line of the log is no JSON object"
has log '"message":"request"' '"status":401'
! grep -q secret-key log || failed "the log holds a key"

# Limits of the command line.
serve "$MODEL" --max-body 1 --max-audio-seconds 1
gets 413 "${json[@]}" --data-binary @large.json "$url/v1/chat/completions"
gets 413 "${json[@]}" --data @sound.json "$url/v1/chat/completions"
has out '"error":{"message":'
# The port is taken.
fails 74 "cannot listen on 127.0.0.1 port ${url##*:}" "$STAPES" serve "$MODEL" --port "${url##*:}"
kill -TERM "$server"
ends 0

# What requests that do not say get.
serve "$SOURCE/models/tiny" --reasoning-format content --default-max-tokens 6
gets 200 "${json[@]}" --data '{"temperature": 0, "messages": [{"role": "user", "content": "Which digits?"}]}' \
  "$url/v1/chat/completions"
has out '"content":"<think>\n' '"finish_reason":"length"' '"completion_tokens":6'
kill -TERM "$server"
ends 0

fails 66 "no-model" "$STAPES" serve no-model
fails 66 "no-keys" "$STAPES" serve "$MODEL" --api-key-file no-keys
echo "# none" >keys
fails 64 "at least one key" "$STAPES" serve "$MODEL" --api-key-file keys
fails 64 "origin" "$STAPES" serve "$MODEL" --cors example.org
fails 64 "host" "$STAPES" serve "$MODEL" --host no.such.host.invalid
fails 64 "--max-body" "$STAPES" serve "$MODEL" --max-body 0
fails 64 "--allow-file-audio" "$STAPES" serve "$MODEL" --allow-file-audio no-folder
fails 64 "not in {reasoning_content,content,hidden}" "$STAPES" serve "$MODEL" --reasoning-format xml
fails 64 "--default-max-tokens" "$STAPES" serve "$MODEL" --default-max-tokens 0
