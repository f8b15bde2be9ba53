#!/usr/bin/env bash
# stapes-train show as a user runs it: masks of a file and of a recipe, bad lines, odd bytes; and a run with quarantine.
source "$(dirname "$0")/lib.sh"
needs_train
tiny=$SOURCE/models/tiny

cp "$sample" clip.wav
cat >good.jsonl <<'END'
{"messages":[{"role":"user","content":"<audio>Which digits?"},{"role":"assistant","content":"<think>\nThree, seven, one.\n</think>\n3 7 1"}],"audios":["clip.wav"]}
{"messages":[{"role":"user","content":"Say <|EOT|>."},{"role":"assistant","content":"No."}]}
END
succeeds "$TRAIN" show good.jsonl --model "$tiny"
has out "0: good.jsonl:1: " "1 clip" "<audio_start>[clip 1: " "rows]<audio_end>Which digits?<|EOT|><|BOT|>assistant" \
  "⟦Three, seven, one." "3 7 1<|EOT|>⟧" "1: good.jsonl:2: " "Say \\<|EOT|>.<|EOT|>" "No.<|EOT|>⟧"
grep -q $'\033' out && failed "colours in a file"
succeeds "$TRAIN" show good.jsonl --index 1 --count 5
has out "1: good.jsonl:2"
[[ $(grep -c "in the loss" out) == 1 ]] || failed "one sample expected"

printf '{"messages":[{"role":"user","content":"\xff\x1b[31m"}]}\n{"messages": 3}\n' >bad.jsonl
cat good.jsonl >>bad.jsonl
printf '{"messages":[{"role":"user","content":"a\\u001b[2Jb\\u202ec\\u0000"},{"role":"assistant","content":"b"}]}\n' >>bad.jsonl
run "$TRAIN" show bad.jsonl --count 9
((status == 65)) || failed "status $status of a file with bad lines"
has err "bad.jsonl:1: not valid UTF-8" "bad.jsonl:2: " "2 lines are wrong"
has out "0: bad.jsonl:3" "2: bad.jsonl:5" 'a\x1b[2Jb\u{202e}c\x00'

train_fails 64 "has 2 samples" show good.jsonl --index 2
train_fails 66 "no such file: none.jsonl" show none.jsonl
train_fails 66 "no file matches none-*.jsonl" show 'none-*.jsonl'
train_fails 66 "nowhere" show good.jsonl --model nowhere
printf '\n' >empty.jsonl
train_fails 65 "empty.jsonl has no samples" show empty.jsonl

# recipe NAME QUARANTINE
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$tiny"
output = "$work/$1-model"
[data]
quarantine = $2
max_tokens = 400
[[data.sources]]
name = "mine"
jsonl = "bad*.jsonl"
[[data.sources]]
name = "sounds"
weight = 2
world = true
melody_share = 1.0
[optimizer]
steps = 2
clips_per_step = 3
freeze = ["encoder", "embeddings"]
helper_weight = 0
learning_rate = 1e-5
[logging]
evaluation_clips = 3
END
}
recipe mixed 2
succeeds "$TRAIN" show mixed.toml --count 6
has out "mine: bad.jsonl:" "sounds: melody "
[[ $(grep -c "sounds: " out) == 4 && $(grep -c "mine: " out) == 2 ]] || failed "not the shares of the weights"
succeeds "$TRAIN" sft mixed.toml
has err "2 bad lines are left out; the first is bad.jsonl:1: not valid UTF-8" "step 2/2"
[[ $(wc -l <mixed/quarantine.jsonl) == 2 ]] || failed "two lines in quarantine.jsonl expected"
has mixed/quarantine.jsonl '"line":1' '"line":2' '"reason":"not valid UTF-8"'
succeeds "$STAPES" ask --model mixed-model "$sample" "Which digits are spoken?"
sed -n '3p' bad.jsonl >>bad.jsonl
train_fails 65 "the training data have changed" sft mixed.toml --resume
recipe strict 1
train_fails 65 "data.quarantine allows 1 bad lines" sft strict.toml
