#!/usr/bin/env bash
# What `make demo` does, with the trained model of the repository, on a recording that it was not trained on.
source "$(dirname "$0")/lib.sh"

if [[ ! -f $SOURCE/models/tiny/config.json ]]; then
  echo "SKIPPED: models/tiny is not in this tree, so nothing trained was asked"
  exit 77
fi
recording=$SOURCE/samples/five-zero-nine-two.wav
succeeds "$STAPES" inspect "$SOURCE/models/tiny"
succeeds "$STAPES" ask --model "$SOURCE/models/tiny" "$recording" "Which digits are spoken?"
[[ $(<out) == "5 0 9 2" ]] || failed "expected the digits that are spoken, 5 0 9 2"
grep -q "First I hear 5, second 0" err || failed "expected a thought that names what is heard"
succeeds "$STAPES" ask --model "$SOURCE/models/tiny" "$recording" "What is the sum of the digits?"
[[ $(<out) == 16 ]] || failed "expected the sum, 16"
