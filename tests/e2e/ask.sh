#!/usr/bin/env bash
# stapes ask: from a sound to an answer. The model is random, so what it says is noise; how it is said is tested.
source "$(dirname "$0")/lib.sh"
ask=("$STAPES" ask --model "$MODEL" --temperature 0 --max-tokens 24 --think 8)
question="Which digits are spoken?"

succeeds "${ask[@]}" "$sample" "$question"
cp out answer
! grep -q $'\x1b' out || failed "ANSI codes outside of a terminal"
succeeds "${ask[@]}" "$sample" "$question"
diff answer out || failed "the same greedy question got another answer"

# One object with the documented keys; the text is the same.
succeeds "${ask[@]}" --json "$sample" "$question"
(($(wc -l <out) == 1)) || failed "expected one line of JSON"
has out '"thinking":' '"answer":' '"finish":' '"audio":[{"file":' '"seconds":1.' '"chunks":1' '"tokens":' \
  '"usage":{"prompt_tokens":' '"audio_tokens":' '"thinking_tokens":' '"answer_tokens":' \
  '"timing":{"audio_ms":' '"load_ms":' '"encode_ms":' '"prefill_ms":' '"first_token_ms":' '"total_ms":'

# The content counts, not the name; standard input is a file like any other.
cp "$sample" sound.mp3
succeeds "${ask[@]}" sound.mp3 "$question"
diff answer out || failed "another name gave another answer"
succeeds "${ask[@]}" - "$question" <"$sample"
diff answer out || failed "standard input gave another answer"

# Long sound is heard in pieces, and said to be; an exact multiple has no empty piece.
silent_wav 51-seconds.wav 51
silent_wav 50-seconds.wav 50
succeeds "${ask[@]}" --json 51-seconds.wav "$question"
has err "heard in 3 pieces"
has out '"chunks":3'
succeeds "${ask[@]}" --json 50-seconds.wav "$sample" "$question"
has err "heard in 2 pieces"
has out '"chunks":2' '"chunks":1'
# A rest too short to be heard alone (0.01 s) is heard with the piece before it.
{ wav_header 1 1 16000 16 800320; head -c 800320 /dev/zero; } >25.01-seconds.wav
succeeds "${ask[@]}" --json 25.01-seconds.wav "$question"
has out '"chunks":1'

# An empty thought; a seed; a limit that is said.
succeeds "$STAPES" ask --model "$MODEL" --max-tokens 8 --think 0 --json "$sample" "$question"
has out '"thinking":""'
sampled=("$STAPES" ask --model "$MODEL" --temperature 1 --max-tokens 16 --think 4)
succeeds "${sampled[@]}" --seed 5 "$sample" "$question"
cp out seed5
succeeds "${sampled[@]}" --seed 5 "$sample" "$question"
diff seed5 out || failed "the same seed gave another answer"

# Guesses change nothing, and so does the room for keys and values.
for guesses in 1 8 16; do
  succeeds "${ask[@]}" --speculate "$guesses" --kv-tokens 200 --kv f32 "$sample" "$question"
  diff answer out || failed "$guesses guesses gave another answer"
done

# A terminal sees the thinking dimmed (script gives the program a terminal).
if command -v script >/dev/null; then
  script -qec "$(printf '%q ' "${ask[@]}" "$sample" "$question")" typescript >/dev/null </dev/null
  has typescript $'\x1b[2m' $'\x1b[0m'
fi

fails 64 "expected a question after the file" "${ask[@]}" "$sample"
fails 64 "at least one sound file" "${ask[@]}" "$question"
fails 64 "question as the last argument" "${ask[@]}" "$sample" "$sample"
fails 65 "empty" "${ask[@]}" "$sample" ""
fails 65 "empty" "${ask[@]}" "$sample" $' \n\t'
fails 65 "UTF-8" "${ask[@]}" "$sample" $'what \xff is this'
fails 64 "at most once" "${ask[@]}" - - "$question" <"$sample"
fails 65 "standard input" "${ask[@]}" - "$question" <<<"no sound"
fails 66 "no-model" "$STAPES" ask --model no-model "$sample" "$question"
fails 64 "-1" "$STAPES" ask --model "$MODEL" --temperature -1 "$sample" "$question"
fails 64 "top" "$STAPES" ask --model "$MODEL" --top-p 2 "$sample" "$question"
fails 64 "speculate_tokens" "${ask[@]}" --speculate 17 "$sample" "$question"
fails 64 "--kv" "${ask[@]}" --kv f99 "$sample" "$question"
fails 65 "of key/value memory" "${ask[@]}" --kv-tokens 1000000000000 "$sample" "$question"
fails 65 "the key/value memory holds 20" "${ask[@]}" --kv-tokens 20 "$sample" "$question"
fails 64 "" "$STAPES" ask --model "$MODEL" --max-tokens 0 "$sample" "$question"

status=0
"${ask[@]}" --json "$sample" "$question" >/dev/full 2>err || status=$?
((status == 74)) || failed "status $status with a full standard output"

# Ctrl-C ends an answer with 130 and a whole line.
rm out err
set -m  # gives the program a process group of its own, where Ctrl-C is not ignored
"$STAPES" ask --model "$ENDLESS_MODEL" --temperature 0 --max-tokens 60000 "$sample" "$question" >out 2>err &
pid=$!
for ((i = 0; i < 600; ++i)); do
  [[ -s err || -s out ]] && break
  sleep 0.05
done
kill -INT "$pid"
status=0
wait "$pid" || status=$?
((status == 130)) || failed "status $status after Ctrl-C"
[[ $(tail -c 1 err | od -An -tx1) == " 0a" ]] || failed "the last line was not ended"
