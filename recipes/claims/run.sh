#!/usr/bin/env bash
# The paper's claims in miniature, for some seeds: trains all arms, one after the other on one core, and measures them.
#   recipes/claims/run.sh DIGITS SEED...            e.g. two seeds side by side:  run.sh DIGITS 1 & run.sh DIGITS 2
#   PARTS="main format" recipes/claims/run.sh ...   some of: main, format, selection, control, words
# What is done is left alone and what was stopped goes on. recipes/claims/report.py makes tables and plots of runs/claims.
set -euo pipefail

(( $# >= 2 )) || { sed -n '2,5s/^# \?//p' "$0"; exit 64; }
digits=$1; shift
recipes=$(cd "$(dirname "$0")" && pwd)
bin=${STAPES_BIN:-build/bin}
out=${OUT:-runs/claims}

# train KIND RECIPE FOLDER [KEY=VALUE ...]: FOLDER/model is the trained model
train() {
  local kind=$1 recipe=$recipes/$2 folder=$3 set=() go_on=()
  shift 3
  [[ -d $folder/model ]] && return
  for override in "run_folder=$folder" "model.output=$folder/model" "$@"; do set+=(--set "$override"); done
  [[ -d $folder/checkpoints || -f $folder/manifest.json ]] && go_on=(--resume)
  echo "== $kind $folder"
  "$bin/stapes-train" "$kind" "$recipe" --digits "$digits" "${set[@]}" "${go_on[@]}"
}

# measure FOLDER NAME COMMAND [FLAGS]: FOLDER/NAME.json
measure() {
  local folder=$1 json=$1/$2.json command=$3
  shift 3
  [[ -s $json ]] && return
  echo "== $command $json"
  "$bin/stapes" "$command" --model "$folder/model" --digits "$digits" --threads 1 --json "$@" > "$json.part"
  mv "$json.part" "$json"
}

tasks=sum,largest,count-notes,count-rises,conflict
budgets=0,4,8,16,32,64

scores() { measure "$1" scores eval-world --tasks $tasks --count 300 --think-budgets $budgets --seed 7; }
# Whether the thoughts are about the sound.
grounding() {
  measure "$1" grounding eval-grounding --only tasks --tasks $tasks --count 200 --budgets 0 --seed 7 --details "$1/thoughts.jsonl"
}
# Whether it says that it hears; sampled replies.
hears() {
  measure "$1" hears eval-grounding --only self-cognition --count 1000 --temperature 1 --max-tokens 120 --seed 7
}

main() {
  local seed=$1 here=$out/seed$1
  train sft cold_start.toml "$here/cold-start" "optimizer.seed=$seed"
  scores "$here/cold-start"; grounding "$here/cold-start"; hears "$here/cold-start"
  train mgrd mgrd.toml "$here/mgrd" "run.seed=$((seed + 100))" "model.init=$here/cold-start/model"
  scores "$here/mgrd"; grounding "$here/mgrd"; hears "$here/mgrd"
  # From the cold start: distillation leaves no refusal that a preference could be learned from.
  train dpo dpo.toml "$here/dpo" "run.seed=$((seed + 200))" "model.init=$here/cold-start/model"
  scores "$here/dpo"; hears "$here/dpo"
}

format() {
  local seed=$1 here=$out/seed$1/format
  train sft format_cold_start.toml "$here/cold-start" "optimizer.seed=$seed"
  for weight in 0.2 0.0; do
    train rl format_rl.toml "$here/reasoning-$weight" "run.seed=$seed" "model.init=$here/cold-start/model" \
      "reward.reasoning_weight=$weight"
  done
}

selection() {
  local seed=$1 here=$out/seed$1/selection
  local start=(model.init="$out/seed$1/cold-start/model" run.seed="$seed")
  train rl selection_rl.toml "$here/medium" "${start[@]}"
  train rl selection_rl.toml "$here/failed" "${start[@]}" selection.lowest=0 selection.highest=0
  train rl selection_rl.toml "$here/all" "${start[@]}" selection.pool=0
  for arm in medium failed all; do scores "$here/$arm"; done
}

# Distillation that asks for right answers only.
control() {
  local seed=$1 here=$out/seed$1
  train mgrd mgrd.toml "$here/control" "run.seed=$((seed + 100))" "model.init=$here/cold-start/model" \
    filter.require_grounded=false filter.require_coherent=false
  scores "$here/control"; grounding "$here/control"
}

# Distillation whose filter lets heard words pass as what a thought about prosody must name.
words() {
  local seed=$1 here=$out/seed$1
  train mgrd mgrd.toml "$here/words" "run.seed=$((seed + 100))" "model.init=$here/cold-start/model" \
    filter.prosody_tasks=[]
  scores "$here/words"; grounding "$here/words"
}

for part in ${PARTS:-main format selection control words}; do
  for seed in "$@"; do "$part" "$seed"; done
done
