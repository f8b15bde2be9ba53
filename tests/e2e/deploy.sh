#!/usr/bin/env bash
# What deploy/ has beside nginx (nginx.sh tests that): the image's libraries, its command and its health check, the
# systemd unit, the rules for Prometheus. Docker and systemd themselves are not started.
source "$(dirname "$0")/lib.sh"
deploy=$SOURCE/deploy
: >out
: >err

# The image has the packages of the libraries that the program is linked with. (A build with sanitizers, which is linked
# with more, and the sound world's instruments are never in the image.)
if [[ -z ${SANITIZE:-} ]] && command -v dpkg-query readelf >/dev/null; then
  sed -n '/^FROM \$BASE$/,/^COPY/s/^ *\([a-z][a-z0-9.-]*\) \\$/\1/p' "$deploy/Dockerfile" | sort >packages
  has packages libsndfile1 libssl3
  # Of libc and the compiler every Debian has a part.
  for library in $(readelf -d "$STAPES" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE '^(libc|libm|libstdc\+\+|libgcc_s|ld-linux.*|libfluidsynth)\.so'); do
    file=$(ldd "$STAPES" | awk -v name="$library" '$1 == name { print $3 }')
    package=$(dpkg-query -S "*${file#/usr}" 2>/dev/null | head -n 1 | cut -d : -f 1) || true
    [[ -n $package ]] || continue # a library of the user's own
    grep -qxF "$package" packages || failed "deploy/Dockerfile does not install $package, which has $library"
    echo "$package" >>needed
  done
  while read -r package; do
    grep -qxF "$package" needed || failed "deploy/Dockerfile installs $package, which nothing needs"
  done < <(grep -v ca-certificates packages)
fi

# The image's command, and its health check before, while and after it serves.
! "$deploy/health.sh" 127.0.0.1 1 >out 2>err || failed "nobody is healthy"
IFS=$' \t\n,' read -ra command < <(sed -n 's/^CMD \[\(.*\)\]/\1/p' "$deploy/Dockerfile" | tr -d '"')
((${#command[@]} > 2)) || failed "the command of deploy/Dockerfile: ${command[*]}"
: >log
"$STAPES" "${command[@]}" --port 0 --model "$ENDLESS_MODEL" 2>log &
server=$!
trap 'kill -KILL "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
wait_until() {
  for ((i = 0; i < 1000; ++i)); do
    "$@" && return
    sleep 0.02
  done
  cp log err
  failed "this did not come to be: $*"
}
wait_until grep -q '"message":"serving endless at http://0.0.0.0:' log
port=$(grep -oEm1 '0\.0\.0\.0:[0-9]+' log)
port=${port#*:}
succeeds "$deploy/health.sh" 127.0.0.1 "$port"
has out "HTTP/1.1 200 OK"
body='{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 60000, "temperature": 0, "stream": true}'
exec 4<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\ncontent-length: %s\r\n\r\n%s' "${#body}" "$body" >&4
read -r begin <&4
[[ $begin == *" 200 "* ]] || failed "the stream begins with $begin"
kill -TERM "$server"
wait_until grep -q '"message":"ending: ' log
fails_health() { ! "$deploy/health.sh" 127.0.0.1 "$port" >out 2>err; }
wait_until fails_health
has out "HTTP/1.1 503"
kill -TERM "$server"
status=0
wait "$server" || status=$?
exec 4>&-
((status == 130)) || failed "the server ended with $status"

# systemd finds nothing wrong with the unit.
if command -v systemd-analyze >/dev/null; then
  sed "s|/usr/local/bin/stapes|$STAPES|" "$deploy/systemd/stapes.service" >stapes.service
  mkdir -p stapes.service.d
  sed "s|/usr/local/bin/stapes|$STAPES|" "$deploy/systemd/api-keys.conf" >stapes.service.d/api-keys.conf
  run systemd-analyze verify ./stapes.service
  ! grep -E "^(/.*)?stapes|api-keys" err || failed "systemd-analyze"
else
  echo "SKIPPED: the systemd unit was NOT checked: systemd-analyze is not installed" >&2
fi
grep -oE '\$[A-Z_]+' "$deploy/systemd/stapes.service" | sort -u >out
has "$deploy/systemd/stapes.default" "$(tr -d '$' <out)="

# Every metric of the rules is one of the server's.
for metric in $(grep -oE 'stapes_[a-z_]+' "$deploy/prometheus/stapes-alerts.yml" | sed 's/_bucket$//' | sort -u); do
  has "$SOURCE/src/serve/metrics.cc" "\"$metric\""
done
if command -v promtool >/dev/null; then
  succeeds promtool check rules "$deploy/prometheus/stapes-alerts.yml"
fi
