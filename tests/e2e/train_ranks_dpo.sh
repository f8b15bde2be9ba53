#!/usr/bin/env bash
# stapes-train dpo in two processes: the same pairs, the same training but for the order of sums.
source "$(dirname "$0")/lib.sh"
needs_train
needs_mpirun

recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
save_dtype = "f32"
[data]
max_notes = 3
[pairs]
prompts = 10
samples = 2
examples_where_none_refuses = true
require_grounded = false
[rollout]
max_tokens = 60
live_sequences = 8
[optimizer]
steps = 5
pairs_per_step = 3
learning_rate = 1e-5
warmup_steps = 0
[logging]
print_every = 1
checkpoint_every = 1
evaluate_every = 5
evaluation_pairs = 4
evaluation_questions = 2
END
}

recipe one
succeeds "$TRAIN" dpo one.toml
recipe two
succeeds together "$TRAIN" dpo two.toml
[[ $(grep -c "step 5/5" err) == 1 ]] || failed "not one rank speaks"
has err "loss 0.6931"
cmp one/pairs.jsonl two/pairs.jsonl || failed "other pairs than one process"
for log in metrics test; do same_numbers "one/$log.csv" "two/$log.csv" 6; done

# Stopped by a signal to the second rank alone, and resumed by both.
recipe stopped
stopped_by_second dpo stopped.toml stopped/checkpoints/step-00000001
cmp two-model/model.safetensors stopped-model/model.safetensors || failed "a resumed run differs"
