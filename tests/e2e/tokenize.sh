#!/usr/bin/env bash
# stapes tokenize: lines to ids and back.
source "$(dirname "$0")/lib.sh"

printf '%s\n' "Which digits are spoken?" "" "<|BOT|>human" "über 数字 🙂  two" >lines
succeeds "$STAPES" tokenize --model "$MODEL" <lines
cp out ids
(($(wc -l <ids) == 4)) || failed "expected one line of ids for each line"
[[ $(sed -n 2p ids) == "[]" ]] || failed "an empty line has no ids"
succeeds "$STAPES" tokenize --decode --model "$MODEL" <ids
sed 's/.*/"&"/' lines | diff - out || failed "decoding gave another text"

succeeds "$STAPES" tokenize --plain --model "$MODEL" <lines
[[ $(sed -n 3p out) != $(sed -n 3p ids) ]] || failed "--plain made a control token of text"
STAPES_MODEL=$MODEL succeeds "$STAPES" tokenize <lines
diff ids out || failed "STAPES_MODEL gave other ids than --model"
printf 'no line end' | "$STAPES" tokenize --model "$MODEL" | grep -q '^\[' || failed "the last line was lost"

fails 65 "line 2" "$STAPES" tokenize --decode --model "$MODEL" <<<$'[1, 2]\nthree'
fails 65 "JSON array of token ids" "$STAPES" tokenize --decode --model "$MODEL" <<<'[-1]'
fails 64 "--plain" "$STAPES" tokenize --decode --plain --model "$MODEL" <ids
fails 66 "no-model" "$STAPES" tokenize --model no-model <lines

# A reader that goes away ends it quietly, as it ends any filter.
statuses=$({ yes digits | "$STAPES" tokenize --model "$MODEL" 2>err | head -n 1 >/dev/null; echo "${PIPESTATUS[1]}"; } || true)
[[ $statuses == 141 && ! -s err ]] || failed "status $statuses when the reader left"
