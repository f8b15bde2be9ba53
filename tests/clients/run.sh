#!/usr/bin/env bash
# run.sh SOURCE WORK STAPES: real clients against a real server with the small model.
# Exit status 77: skipped, since node, npm or the network are missing.
set -euo pipefail
source=$1 work=$2 stapes=$3

skip() {
  echo "SKIPPED: the HTTP API was NOT tried with its clients: $1" >&2
  exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
(($(node -p 'process.versions.node.split(".")[0]') >= 20)) || skip "node is older than 20"
mkdir -p "$work"
cd "$work"
cp "$source"/tests/clients/*.mjs "$source"/tests/clients/package.json .
if [[ ! -d node_modules ]] || ! cmp -s "$source/tests/clients/package-lock.json" package-lock.json; then
  rm -rf node_modules package-lock.json
  cp "$source/tests/clients/package-lock.json" .
  npm ci --ignore-scripts --no-audit --no-fund || {
    rm -rf node_modules
    skip "npm could not fetch the packages of package-lock.json"
  }
fi

rm -f serve.log  # of the last run
"$stapes" serve "$source/models/tiny" --port 0 >serve.log 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" || true' EXIT
for _ in {1..100}; do
  STAPES_URL=$(grep -oEm1 'http://127\.0\.0\.1:[0-9]+' serve.log 2>/dev/null || true)
  [[ -n $STAPES_URL ]] && break
  kill -0 "$server" || { cat serve.log; exit 1; }
  sleep 0.1
done
export STAPES_URL SOURCE=$source
node --test --test-reporter=spec ./*.test.mjs || { echo "--- the server's log"; tail -n 40 serve.log; exit 1; }

# It goes on after all of that, and ends when it is told to.
kill -0 "$server" || { echo "the server is gone"; exit 1; }
kill -TERM "$server"
status=0
wait "$server" || status=$?
trap - EXIT
((status == 0)) || { echo "the server ended with status $status"; tail -n 40 serve.log; exit 1; }
