#!/usr/bin/env bash
# The ablation of docs/claims.md in two minutes, by its own recipes with fewer steps: a cold start whose thinking comes from text is
# worse when it thinks, and one round of distillation turns that round. (Of rises: conflicts need more chains than there is time for
# here.) Every limit leaves half of what was seen when it was written.
source "$(dirname "$0")/lib.sh"
needs_train
digits=${STAPES_SHARED_AUDIO:-$SOURCE/../shared/audio}/spoken-digits
[[ -d $digits ]] || { echo "SKIPPED: no recordings of spoken digits in $digits"; exit 77; }

recipes=$SOURCE/recipes/claims
tasks=conflict,count-rises
sources='[
  { name = "sounds", weight = 7, world = true, tasks = ["conflict", "count-rises", "count-notes"], thinking_share = 0.3, surrogate_share = 0.7 },
  { name = "texts", weight = 3, text = true, tasks = ["text-conflict", "text-count-rises", "text-count-notes"], thinking_share = 1.0 }]'
succeeds "$TRAIN" sft "$recipes/cold_start.toml" --digits "$digits" --set run_folder=cold --set model.output=cold/model \
  --set model.init="$SOURCE/models/tiny" --set optimizer.steps=160 --set optimizer.clips_per_step=16 --set "data.sources=$sources"
succeeds "$TRAIN" mgrd "$recipes/mgrd.toml" --digits "$digits" --set run_folder=mgrd --set model.output=mgrd/model \
  --set model.init=cold/model --set run.rounds=1 --set selection.pool=0 --set distill.questions=240 --set sft.text_share=0.2 \
  --set rl.run.iterations=0 --set evaluation.prompts=30 --set 'data.tasks=["count-rises", "count-notes"]'

for stage in cold mgrd; do
  succeeds "$STAPES" eval-world --model $stage/model --digits "$digits" --threads 1 --tasks $tasks --count 100 --json
  mv out $stage.world
  succeeds "$STAPES" eval-grounding --model $stage/model --digits "$digits" --threads 1 --only tasks --tasks count-rises --count 30 --budgets 0 --json
  mv out $stage.grounding
done
# share FILE TASK KEY: per cent
share() {
  node -e 'const [file, task, key] = process.argv.slice(1);
    console.log(Math.round(100 * JSON.parse(require("fs").readFileSync(file)).tasks[task][key].share))' "$@"
}
for stage in cold mgrd; do
  for task in conflict count-rises; do
    echo "$stage $task: $(share $stage.world $task with_thinking) % with thinking, $(share $stage.world $task without_thinking) % without"
  done
  echo "$stage: $(share $stage.grounding count-rises surrogates) % of the thoughts about rises lean on text"
done | tee figures
at_least() { (($1 >= $2)) || { cp figures out; failed "$3: $1, expected $2 or more"; }; }

# Where words and sound conflict, the cold start goes by the words once it thinks, and by the sound when it may not.
at_least $(($(share cold.world conflict without_thinking) - $(share cold.world conflict with_thinking))) 20 "what thinking costs"
at_least "$(share cold.grounding count-rises surrogates)" 60 "surrogates after the cold start"
# Distillation: thoughts about the sound, and thinking that pays.
at_least $((50 - $(share mgrd.grounding count-rises surrogates))) 0 "surrogates that distillation left, below 50"
at_least $(($(share mgrd.world count-rises with_thinking) - $(share cold.world count-rises with_thinking))) 20 "gain in counting rises"
at_least $(($(share mgrd.world count-rises with_thinking) - $(share mgrd.world count-rises without_thinking))) 15 "what thinking gives"
