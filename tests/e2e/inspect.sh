#!/usr/bin/env bash
# stapes inspect: what a model folder holds, and what is wrong with it.
source "$(dirname "$0")/lib.sh"

succeeds "$STAPES" inspect "$MODEL"
has out encoder adaptor decoder lm_head total expected tokenizer "<|EOT|>"
! grep -q problem out || failed "a good model has no problems"
succeeds "$STAPES" inspect "$MODEL" --json
has out '"problems":[]' '"tensors":' '"<audio_patch>":'

# with_problem MESSAGE: inspect of the folder `model` prints the rest, names the problem and ends with 65.
with_problem() {
  run "$STAPES" inspect model
  ((status == 65)) || failed "status $status for: $1"
  has out problem decoder "$1"
}
fresh_copy() {
  rm -rf model
  cp -r "$MODEL" model
  chmod -R u+w model
}

fresh_copy
truncate -s -100 model/model.safetensors
with_problem "model.safetensors"
fresh_copy
rm model/model.safetensors
with_problem "safetensors"
fresh_copy
rm model/tokenizer.json
with_problem "tokenizer.json"
fresh_copy
sed -i 's/<audio_patch>/<audio_match>/' model/tokenizer.json
with_problem "lacks the token <audio_patch>"
fresh_copy
sed -i -E 's/"vocab_size": *[0-9]+/"vocab_size": 8/' model/config.json
with_problem "vocab_size in config.json is 8"
fails 65 "8" "$STAPES" ask --model model "$sample" "Which digits are spoken?"

fresh_copy
rm model/config.json
fails 66 "config.json" "$STAPES" inspect model
fails 66 "config.json" "$STAPES" ask --model model "$sample" "Which digits are spoken?"
echo '{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}' >model/config.json
fails 65 "llama" "$STAPES" inspect model
fails 65 "llama" "$STAPES" ask --model model "$sample" "Which digits are spoken?"
echo '{"architectures": [' >model/config.json
fails 65 "JSON" "$STAPES" inspect model
fails 66 "no-model" "$STAPES" inspect no-model
