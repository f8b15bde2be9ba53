#!/usr/bin/env bash
# health.sh [HOST] [PORT]: ends with 0 if the server there is ready for requests. Needs bash alone.
host=${1:-127.0.0.1} port=${2:-9999}
exec 3<>"/dev/tcp/$host/$port" || exit 1
printf 'GET /health HTTP/1.0\r\n\r\n' >&3
read -r status <&3
echo "$status"
[[ $status == *" 200 "* ]]
