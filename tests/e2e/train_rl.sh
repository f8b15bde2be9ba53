#!/usr/bin/env bash
# stapes-train rl as a user runs it: killed at any moment and resumed it ends with the same bits, SIGTERM saves,
# and what is wrong is said.
source "$(dirname "$0")/lib.sh"
needs_train

# recipe RUN ITERATIONS [MORE]
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
[data]
tasks = ["count-notes", "loudness"]
max_notes = 3
[rollout]
prompts = 2
samples = 4
max_tokens = 40
[policy]
learning_rate = 1e-4
warmup_updates = 0
[critic]
learning_rate = 1e-3
warmup_updates = 0
warmup_iterations = 1
minibatches = 2
[logging]
checkpoint_every = 1
evaluation_prompts = 2
evaluate_every = 3
[run]
iterations = $2
${3:-}
END
}

same_end() {
  local file
  for file in model.safetensors critic.safetensors; do
    cmp "whole/checkpoints/step-00000005/$file" "$1/checkpoints/step-00000005/$file" ||
      failed "$1: $file is not that of the run that was never interrupted"
  done
  cmp whole/completions.jsonl "$1/completions.jsonl" || failed "$1: other replies"
  cmp whole-model/model.safetensors "$1-model/model.safetensors" || failed "$1: another model"
}

recipe whole 5
succeeds "$TRAIN" rl whole.toml
has out "$work/whole-model"
has err "on 2 prompts that are not trained on" "step 5/5" "mismatch"
succeeds "$STAPES" ask --model "$work/whole-model" "$sample" "Which digits are spoken?"

# Killed between any two instructions: at a checkpoint, somewhere in the step after it, and once more.
recipe killed 5
flags=()
for step in 0 2 3; do
  killed_at "killed/checkpoints/step-0000000$step" "$TRAIN" rl killed.toml "${flags[@]}"
  flags=(--resume)
done
succeeds "$TRAIN" rl killed.toml --resume
same_end killed

recipe ended 5
"$TRAIN" rl ended.toml 2>ended.log &
pid=$!
wait_for ended/checkpoints/step-00000001
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
if ((status == 130)); then
  has ended.log "stopped at iteration" "go on with: stapes-train rl ended.toml --resume"
  succeeds "$TRAIN" rl ended.toml --resume
elif ((status != 0)); then  # 0: it was done before the signal came
  failed "status $status after SIGTERM"
fi
same_end ended

train_fails 66 "none.toml" rl none.toml
train_fails 64 "already holds a run" rl whole.toml
sed -i 's/iterations = 5/iterations = 6/' whole.toml
train_fails 65 "the recipe is not the one" rl whole.toml --resume
recipe wrong 5 'temperature = 0.7'
train_fails 65 "unknown key run.temperature" rl wrong.toml
recipe missing 5
sed -i "s|init = .*|init = \"$work/nowhere\"|" missing.toml
train_fails 66 "nowhere" rl missing.toml
