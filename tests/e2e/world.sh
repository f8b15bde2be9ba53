#!/usr/bin/env bash
# stapes world and stapes eval-world, on melodies: they need no recordings.
source "$(dirname "$0")/lib.sh"

succeeds "$STAPES" world --out clips --count 8 --seed 3
(($(wc -l <clips/train.jsonl) == 8)) || failed "expected 8 lines"
has clips/train.jsonl '"messages":' '"audios":["train/000000.wav"]' '<audio>' '<think>'
succeeds "$STAPES" mel clips/train/000007.wav --png melody.png
succeeds "$STAPES" world --out again --count 8 --seed 3
diff -r clips again || failed "the same seed gave other files"
succeeds "$STAPES" world --out clips --count 4 --split test
[[ -f clips/test/000003.wav ]] || failed "expected test clips"

fails 64 "-1" "$STAPES" world --out clips --count -1
fails 64 "--split" "$STAPES" world --out clips --count 1 --split other
fails 66 "no-such-folder" "$STAPES" world --out clips --count 1 --digits no-such-folder
: >file
fails 74 "file" "$STAPES" world --out file --count 1
mkdir empty
fails 65 "empty" "$STAPES" world --out clips --count 1 --digits empty

# A file that may not grow is a full disk: the sentence, the status, and no half of a file.
run bash -c 'trap "" XFSZ; ulimit -f 4; exec "$0" world --out full --count 1' "$STAPES"
((status == 74)) || failed "status $status on a full disk"
[[ -z $(find full -type f) ]] || failed "a half-written file was left"

succeeds "$STAPES" world --out beats --count 3 --tasks count-beats
has beats/train.jsonl '"task":"count-beats"' 'beats.'
fails 64 "conflict needs recordings" "$STAPES" world --out beats --count 1 --tasks conflict,count-beats
fails 64 "count-beats" "$STAPES" world --out beats --count 1 --tasks dance
succeeds "$STAPES" world --text --out texts --count 32 --seed 2
(($(wc -l <texts/train-text.jsonl) == 32)) || failed "expected 32 texts"
has texts/train-text.jsonl '"task":"text-sum"' '"answer_kind":"choice","choices":'
fails 64 "expected a text task" "$STAPES" world --text --out texts --count 1 --tasks sum

eval_world=("$STAPES" eval-world --model "$MODEL" --count 3 --max-tokens 16)
succeeds "${eval_world[@]}"
has out count-notes count-rises highest-note loudness
has err "the tasks about speech are left out"
succeeds "${eval_world[@]}" --json --task loudness
has out loudness
! grep -q count-notes out || failed "a task that was not named was scored"
fails 64 "sing" "${eval_world[@]}" --task sing
succeeds "${eval_world[@]}" --json --tasks count-beats,text-sum --think-budgets 0,4
has out '"count-beats"' '"text-sum"' '"mean_thinking_tokens"'
succeeds "${eval_world[@]}" --task loudness --text
has out loudness text-conflict conversation
fails 64 "-1" "${eval_world[@]}" --task loudness --think-budgets=-1
fails 64 "" "${eval_world[@]}" --task sum
fails 64 "0" "$STAPES" eval-world --model "$MODEL" --count 0
fails 66 "no-model" "$STAPES" eval-world --model no-model --count 1
fails 66 "no-such-folder" "${eval_world[@]}" --digits no-such-folder
