#!/usr/bin/env bash
# Many clients at once for some seconds: every answer as alone, no error, the memory flat. bench/serve_load.cc
# runs longer by hand.
source "$(dirname "$0")/lib.sh"
succeeds "${SERVE_LOAD:?}" "$STAPES" "$SOURCE/models/tiny" --samples "$SOURCE/samples" --clients 16 --cases 20 \
  --seconds "${LOAD_SECONDS:-6}" --serve-flag=--threads=1 --serve-flag=--kv-tokens=8192
has out " 0 wrong" "idle afterwards: yes"
