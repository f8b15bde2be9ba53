#!/usr/bin/env bash
# The command line itself: help, version, and what is wrong with a call.
source "$(dirname "$0")/lib.sh"

commands=(ask chat mel tokenize inspect quantize trace eval-world world bench)

succeeds "$STAPES" --help
has out "${commands[@]}"
succeeds "$STAPES" --version
has out "stapes 0."
for command in "${commands[@]}"; do
  succeeds "$STAPES" "$command" --help
  has out "Usage: stapes $command "
done

run "$STAPES"
((status == 64)) || failed "status $status without a command"
has err "ask" "chat"
[[ ! -s out ]] || failed "the help of a wrong call belongs to standard error"

fails 64 "sing" "$STAPES" sing
fails 64 "--loud" "$STAPES" ask --loud "$sample" "Which digits are spoken?"
fails 64 "FILE is required" "$STAPES" ask
fails 64 "--temperature" "$STAPES" ask --temperature warm "$sample" "Which digits are spoken?"
fails 64 "--audio-rule" "$STAPES" ask --audio-rule mine "$sample" "Which digits are spoken?"
fails 64 "--png is required" "$STAPES" mel "$sample"
fails 64 "--bands" "$STAPES" mel "$sample" --png a.png --bands 0
fails 64 "MODEL is required" "$STAPES" inspect
fails 64 "--out is required" "$STAPES" trace "$sample" "Which digits are spoken?"
fails 64 "--count is required" "$STAPES" world --out clips
