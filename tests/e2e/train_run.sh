#!/usr/bin/env bash
# stapes-train run as a user runs it: stages follow each other, what was killed goes on and ends with the same bits,
# and what changed in between is said.
source "$(dirname "$0")/lib.sh"
needs_train

cat >listen.toml <<END
name = "listen"
[model]
init = "$SOURCE/models/tiny"
[data]
melody_share = 1.0
curriculum = [{ from_step = 0, max_digits = 1, max_notes = 3 }]
[optimizer]
steps = 6
clips_per_step = 2
warmup_steps = 1
learning_rate = 1e-4
[logging]
checkpoint_every = 1
evaluate_every = 6
evaluation_clips = 2
END
cat >reinforce.toml <<END
name = "reinforce"
[model]
init = "$SOURCE/models/tiny"
[data]
tasks = ["count-notes", "loudness"]
max_notes = 3
[rollout]
prompts = 2
samples = 4
max_tokens = 40
[critic]
minibatches = 2
warmup_iterations = 1
[logging]
checkpoint_every = 1
evaluation_prompts = 2
[run]
iterations = 3
END
# pipeline NAME
pipeline() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
output = "$work/$1-model"
[[stage]]
name = "listen"
kind = "sft"
recipe = "listen.toml"
[[stage]]
name = "reinforce"
kind = "rl"
recipe = "reinforce.toml"
[evaluation]
examples_per_task = 2
tasks = ["count-notes"]
grounding_per_task = 2
hearing_questions = 2
END
}
state_of() { grep -A 3 "\"name\": \"$2\"" "$1/manifest.json" | grep -q '"state": "done"' && echo done || echo open; }
pipeline whole
succeeds "$TRAIN" run whole.toml
has out "$work/whole-model"
has err "[1 of 2] listen (sft)" "[2 of 2] reinforce (rl)" "count-notes"
[[ $(state_of whole listen) == done && $(state_of whole reinforce) == done ]] || failed "manifest: $(cat whole/manifest.json)"
has whole/manifest.json '"with_thinking"' '"silence"' '"self_cognition_errors"' "$work/whole/listen/model"
succeeds "$STAPES" ask --model "$work/whole-model" "$sample" "Which digits are spoken?"

# Killed in each stage.
pipeline killed
flags=()
for point in listen/checkpoints/step-00000003 reinforce/checkpoints/step-00000001; do
  killed_at "killed/$point" "$TRAIN" run killed.toml "${flags[@]}"
  flags=(--resume)
done
succeeds "$TRAIN" run killed.toml --resume
has err "done already"
for model in listen/model reinforce/model; do
  cmp "whole/$model/model.safetensors" "killed/$model/model.safetensors" ||
    failed "$model is not that of the run that was never interrupted"
done
cmp whole-model/model.safetensors killed-model/model.safetensors || failed "another model at the end"

# Nothing is done twice; what changed is said.
before=$(stat -c %Y%i whole/reinforce/model/model.safetensors)
succeeds "$TRAIN" run whole.toml --resume
[[ $(stat -c %Y%i whole/reinforce/model/model.safetensors) == "$before" ]] || failed "the last stage was done again"

train_fails 66 "none.toml" run none.toml
train_fails 64 "already holds a run" run whole.toml
pipeline new
train_fails 66 "there is no $work/new/manifest.json" run new.toml --resume
sed -i 's/kind = "rl"/kind = "rlhf"/' new.toml
train_fails 65 'kind must be "sft", "rl", "mgrd" or "dpo", got "rlhf"' run new.toml
# A stage that failed before it saved anything goes on with a better recipe.
pipeline repaired
sed 's/tasks = .*/tasks = ["dance"]/' reinforce.toml >broken.toml
sed -i 's/reinforce.toml/broken.toml/' repaired.toml
train_fails 64 "dance" run repaired.toml
cp reinforce.toml broken.toml
succeeds "$TRAIN" run repaired.toml --resume
has err "done already"
train_fails 65 "goes to stapes-train run" sft whole.toml
pipeline new
sed -i 's/recipe = "reinforce.toml"/recipe = "gone.toml"/' new.toml
train_fails 66 "gone.toml" run new.toml
train_fails 65 "expected one [[stage]] or more" run listen.toml
cp whole/listen/model/model.safetensors kept
printf 'x' >>whole/listen/model/model.safetensors
train_fails 65 "has changed since stage listen was done" run whole.toml --resume
mv kept whole/listen/model/model.safetensors
echo "# another" >>reinforce.toml
train_fails 65 "reinforce.toml has changed since stage reinforce was done" run whole.toml --resume
