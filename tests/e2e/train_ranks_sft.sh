#!/usr/bin/env bash
# stapes-train sft in two processes trains as it does in one: stopped, killed, resumed.
source "$(dirname "$0")/lib.sh"
needs_train
needs_mpirun

for i in {1..12}; do
  echo "{\"messages\":[{\"role\":\"user\",\"content\":\"How many is $i?\"},{\"role\":\"assistant\",\"content\":\"$i\"}]}"
done >text.jsonl

# recipe RUN STEPS: texts and melodies, nine texts of sixteen samples: in one step of eight a rank has text alone.
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
save_dtype = "f32"
[[data.sources]]
name = "text"
weight = 9
jsonl = "$work/text.jsonl"
[[data.sources]]
name = "sounds"
world = true
weight = 7
melody_share = 1
[optimizer]
steps = $2
clips_per_step = 2
learning_rate = 1e-4
warmup_steps = 2
[logging]
print_every = 1
evaluate_every = 8
evaluation_clips = 4
checkpoint_every = 4
END
}

recipe one 8
succeeds "$TRAIN" sft one.toml
recipe two 8
succeeds together "$TRAIN" sft two.toml
[[ $(grep -c "step 8/8" err) == 1 ]] || failed "not one rank speaks"
[[ -d two/rank-1 && ! -d two/rank-1/checkpoints ]] || failed "the second rank's files"
# Losses are the same but for the order of sums.
same_numbers one/train.csv two/train.csv 3
[[ $(wc -l <two/train.csv) == 9 ]] || failed "not a line for each step"
succeeds "$STAPES" ask --model "$work/two-model" "$sample" "How many notes are there?"

# The same again, to the bit; and once more, stopped by a signal to the second rank alone.
recipe again 8
succeeds together "$TRAIN" sft again.toml
cmp two-model/model.safetensors again-model/model.safetensors || failed "two runs of two ranks differ"
recipe stopped 8
stopped_by_second sft stopped.toml stopped/checkpoints/step-00000004
cmp two-model/model.safetensors stopped-model/model.safetensors || failed "a resumed run differs"

# One that is killed: the other says so with its rank and the step, and what is saved goes on.
recipe killed 400
start_ranks "$TRAIN" sft killed.toml
wait_for killed/checkpoints/step-00000004
kill -9 "$second"
wait "$second" 2>/dev/null || true
status=0
wait "$leader" || status=$?
cp leader.err err
((status != 0)) || failed "rank 0 ended well without the other"
grep -qE "rank 0 of 2 lost the others at step [0-9]+, " err || failed "no word about the lost rank"
[[ $(ls killed/checkpoints) != *tmp* ]] || failed "half a checkpoint"
sed -i 's/^steps = .*/steps = 401/' killed.toml
run together "$TRAIN" sft killed.toml --resume
((status != 0)) || failed "another recipe under --resume"
has err "the recipe is not the one"
