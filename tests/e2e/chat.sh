#!/usr/bin/env bash
# stapes chat: several turns.
source "$(dirname "$0")/lib.sh"
chat=("$STAPES" chat --model "$MODEL" --temperature 0 --max-tokens 12 --think 4)

succeeds "${chat[@]}" "$sample" <<<$'Which digits are spoken?\nHow many digits are spoken?'
has err "will be heard with the next question"
succeeds "${chat[@]}" <<<"/audio $sample"$'\nWhich digits are spoken?\n/reset\n/help\n/quit\nnot reached'
has err "/audio FILE"
succeeds "${chat[@]}" </dev/null
[[ ! -s out ]] || failed "nothing was asked, but something was answered"

# The first turn of a conversation is what ask says.
"$STAPES" ask --model "$MODEL" --temperature 0 --max-tokens 12 --think 4 "$sample" "Which digits are spoken?" >asked 2>/dev/null
succeeds "${chat[@]}" "$sample" <<<"Which digits are spoken?"
diff asked out || failed "chat and ask differ"

# A script is told of the first thing that went wrong.
fails 66 "missing.wav" "${chat[@]}" <<<"/audio missing.wav"
fails 64 "/sing" "${chat[@]}" <<<"/sing"
fails 65 "UTF-8" "${chat[@]}" <<<$'what \xff is this'
fails 66 "missing.wav" "${chat[@]}" missing.wav </dev/null
