#!/usr/bin/env bash
# stapes-train dpo as a user runs it: killed at any moment and resumed it ends with the same bits, SIGTERM saves, and
# what is wrong is said. Then the error rate, asked for alone.
source "$(dirname "$0")/lib.sh"
needs_train

# recipe RUN STEPS [MORE]
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
[data]
max_notes = 3
[pairs]
prompts = 12
samples = 2
examples_where_none_refuses = true
require_grounded = false
[rollout]
max_tokens = 60
live_sequences = 8
[optimizer]
steps = $2
pairs_per_step = 4
learning_rate = 1e-4
warmup_steps = 0
[logging]
checkpoint_every = 1
evaluate_every = 3
evaluation_pairs = 4
evaluation_questions = 2
[run]
micro_batch_tokens = 512
${3:-}
END
}

same_end() {
  local file
  for file in checkpoints/step-00000006/model.safetensors pairs.jsonl reference.json; do
    cmp "whole/$file" "$1/$file" || failed "$1: $file is not that of the run that was never interrupted"
  done
  cmp whole-model/model.safetensors "$1-model/model.safetensors" || failed "$1: another model"
}

recipe whole 6
succeeds "$TRAIN" dpo whole.toml
has out "$work/whole-model"
has err "12 prompts, 24 replies" "worded refusal" "pairs that are not trained on" "denies to hear in" "step 6/6" "loss 0.6931"
has whole/metrics.csv "margin" "chosen_reward" "gradient_norm" "learning_rate" "skipped"
has whole/pairs.json '"refusal_rate"' '"prompts_without_chosen"'
has whole/pairs.jsonl '"rejected_response"' 'clips/'
succeeds "$STAPES" ask --model "$work/whole-model" "$sample" "Can you hear this recording?"

# Killed between any two instructions: while pairs are made, at a checkpoint, somewhere in the step after it.
recipe killed 6
flags=()
for file in clips checkpoints/step-00000000 checkpoints/step-00000002 checkpoints/step-00000004; do
  killed_at "killed/$file" "$TRAIN" dpo killed.toml "${flags[@]}"
  compgen -G 'killed/checkpoints/step-????????' >/dev/null && flags=(--resume)
done
succeeds "$TRAIN" dpo killed.toml --resume
same_end killed

recipe ended 6
"$TRAIN" dpo ended.toml 2>ended.log &
pid=$!
wait_for ended/checkpoints/step-00000001
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
if ((status == 130)); then
  has ended.log "stopped at step" "go on with: stapes-train dpo ended.toml --resume"
  succeeds "$TRAIN" dpo ended.toml --resume
elif ((status != 0)); then  # 0: it was done before the signal came
  failed "status $status after SIGTERM"
fi
same_end ended

# Pairs of one's own: those of the run are such a file.
sed '/^\[pairs\]/,/^require_grounded/d' whole.toml | sed "s|^max_notes.*|jsonl = \"$work/whole/pairs.jsonl\"|; s|whole|own|g" >own.toml
sed -i "s|$work/own/pairs.jsonl|$work/whole/pairs.jsonl|" own.toml
succeeds "$TRAIN" dpo own.toml
has err "loss 0.6931"
[[ ! -e own/pairs.jsonl ]] || failed "pairs were sampled beside those given"

train_fails 66 "none.toml" dpo none.toml
train_fails 64 "already holds a run" dpo whole.toml
cp whole.toml other.toml
sed -i 's/steps = 6/steps = 7/' other.toml
train_fails 65 "the recipe is not the one" dpo other.toml --resume
head -n 3 whole/pairs.jsonl >pairs && mv pairs whole/pairs.jsonl
train_fails 65 "have changed" dpo whole.toml --resume
recipe wrong 6 'temperature = 0.7'
train_fails 65 "unknown key run.temperature" dpo wrong.toml
sed 's/examples_where_none_refuses = true/examples_where_none_refuses = false/; s/"whole"/"never"/; s|/whole"|/never"|' whole.toml >never.toml
train_fails 65 "no pair came of 12 prompts" dpo never.toml
echo '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}' >no-pair.jsonl
sed "s|jsonl = .*|jsonl = \"no-pair.jsonl\"|; s|/own\"|/no-pair\"|" own.toml >no-pair.toml
train_fails 65 "no-pair.jsonl:1: expected \`rejected_response\`" dpo no-pair.toml

# The error rate, alone.
succeeds "$STAPES" eval-grounding --model "$work/whole-model" --only self-cognition --count 4 --max-tokens 40
has out "it denies:" "4 questions, test split, seed 1, greedy; 95 % interval (Wilson)"
! grep -q "Right answers" out || failed "tasks were asked, too"
succeeds "$STAPES" eval-grounding --model "$work/whole-model" --only self-cognition --count 4 --max-tokens 40 --temperature 1 --json
has out '"self_cognition_errors"' '"self_cognition_temperature": 1.0' '"total": 4'
! grep -q '"tasks"' out || failed "tasks were asked, too"
