#!/usr/bin/env bash
# Many clients at once for some seconds: every answer as alone, no error, the memory flat. bench/serve_load.cc
# runs longer by hand.
source "$(dirname "$0")/lib.sh"
# AddressSanitizer keeps what was freed, up to this much.
[[ ${SANITIZE:-} != *address* ]] || export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=16"
succeeds "${SERVE_LOAD:?}" "$STAPES" "$SOURCE/models/tiny" --samples "$SOURCE/samples" --clients 16 --cases 20 \
  --seconds "${LOAD_SECONDS:-6}" --serve-flag=--threads=1 --serve-flag=--kv-tokens=8192
has out " 0 wrong" "idle afterwards: yes"
