#!/usr/bin/env bash
# What `make demo` does, with the trained model of the repository.
source "$(dirname "$0")/lib.sh"

if [[ ! -f $SOURCE/models/tiny/config.json ]]; then
  echo "SKIPPED: models/tiny is not in this tree, so nothing trained was asked"
  exit 77
fi
succeeds "$STAPES" inspect "$SOURCE/models/tiny"
succeeds "$STAPES" ask --model "$SOURCE/models/tiny" --temperature 0 "$sample" "Which digits are spoken?"
grep -qE '^[0-9]( [0-9]){0,3}$' out || failed "expected digits as an answer"
[[ -s err ]] || failed "expected a thought on standard error"
