#!/usr/bin/env bash
# Two processes under mpirun train as one does.
source "$(dirname "$0")/lib.sh"
needs_train
needs_mpirun

# recipe RUN
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
save_dtype = "f32"
[data]
tasks = ["count-notes", "loudness"]
max_notes = 3
[rollout]
prompts = 3
samples = 4
max_tokens = 40
[policy]
learning_rate = 1e-4
warmup_updates = 0
[critic]
learning_rate = 1e-3
warmup_updates = 0
warmup_iterations = 0
minibatches = 2
[logging]
checkpoint_every = 1
evaluation_prompts = 3
evaluate_every = 2
[run]
iterations = 2
micro_batch_tokens = 200
END
}

recipe one
succeeds "$TRAIN" rl one.toml
recipe two
succeeds together "$TRAIN" rl two.toml
[[ $(grep -c "step 2/2" err) == 1 ]] || failed "both ranks speak"
[[ -d two/rank-1 ]] || failed "the second rank kept no logs"
cmp <(head -n 4 one/completions.jsonl) <(head -n 4 two/completions.jsonl) || failed "other replies in the first step"
# The weights differ by the order of sums only: as far as f32 and two updates by Adam go.
columns() { cut -d, -f1-4 "$1/test.csv"; }
cmp <(columns one) <(columns two) || failed "other figures: $(columns one; columns two)"

# A run that exists is refused by both, and once in words.
run together "$TRAIN" rl two.toml
((status != 0)) || failed "a second run in the same folder"
has err "already holds a run"

# One that is killed does not leave the other waiting.
recipe killed
together "$TRAIN" rl killed.toml >out 2>err &
pid=$!
wait_for killed/checkpoints/step-00000000
pkill -9 -f "rl killed.toml" --newest || true
for ((tries = 0; tries < 600; ++tries)); do
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
kill -0 "$pid" 2>/dev/null && failed "the other rank still waits"
rm -rf killed
recipe killed
succeeds together "$TRAIN" rl killed.toml
# What cannot be shared is not done twice in one folder.
run together "$TRAIN" mgrd two.toml
((status != 0)) || failed "mgrd ran in two processes"
has err "2 processes were started, but stapes-train mgrd runs in one"
succeeds "$STAPES" ask --model "$work/two-model" "$sample" "Which digits are spoken?"
