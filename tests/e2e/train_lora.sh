#!/usr/bin/env bash
# LoRA as a user has it: a run leaves an adapter and a merged model; merging the adapter by hand gives the same bytes; killed
# and resumed it ends with the same bits; what is wrong with an adapter is said.
source "$(dirname "$0")/lib.sh"
needs_train

# recipe RUN STEPS
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
[data]
melody_share = 1.0
[lora]
rank = 4
alpha = 8
targets = ["q_proj", "v_proj", "linear1"]
[optimizer]
steps = $2
clips_per_step = 2
learning_rate = 1e-2
warmup_steps = 1
helper_weight = 0.0
gradient_checkpointing = true
[logging]
checkpoint_every = 1
evaluate_every = 100
evaluation_clips = 2
END
}
recipe whole 6
succeeds "$TRAIN" sft whole.toml
cmp -s whole-model/model.safetensors "$SOURCE/models/tiny/model.safetensors" && failed "nothing was trained"
succeeds "$STAPES" ask --model whole-model "$sample" "Which digits are spoken?"
succeeds "$TRAIN" merge "$SOURCE/models/tiny" whole/adapter merged
cmp merged/model.safetensors whole-model/model.safetensors || failed "merge gives another model than the run"

recipe killed 6
killed_at killed/checkpoints/step-00000003 "$TRAIN" sft killed.toml
succeeds "$TRAIN" sft killed.toml --resume
cmp whole/adapter/adapter_model.safetensors killed/adapter/adapter_model.safetensors ||
  failed "the adapter is not that of the run that was never interrupted"

train_fails 64 "already holds a model" merge "$SOURCE/models/tiny" whole/adapter merged
train_fails 66 "nowhere" merge "$SOURCE/models/tiny" nowhere other
cp -r whole/adapter cut
truncate -s 200 cut/adapter_model.safetensors
train_fails 65 "adapter_model.safetensors" merge "$SOURCE/models/tiny" cut other
cp -r whole/adapter foreign
sed -i 's/"v_proj"/"w_proj"/' foreign/adapter_config.json
train_fails 65 "w_proj" merge "$SOURCE/models/tiny" foreign other
[[ ! -e other ]] || failed "a failed merge left files"
sed 's/"q_proj"/"p_proj"/' whole.toml >wrong.toml
sed -i "s#$work/whole#$work/wrong#" wrong.toml
train_fails 65 "p_proj" sft wrong.toml
