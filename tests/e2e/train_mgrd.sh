#!/usr/bin/env bash
# stapes-train mgrd as a user runs it: killed in any of its steps and resumed it ends with the same bits, SIGTERM saves, a judge
# that is no judge is said, and so is what is wrong.
source "$(dirname "$0")/lib.sh"
needs_train

# recipe RUN [MORE]
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[run]
rounds = 2
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
[data]
tasks = ["count-notes", "loudness"]
max_notes = 4
[distill]
questions = 8
samples = 3
questions_at_once = 2
max_tokens = 80
[sft.optimizer]
steps = 4
clips_per_step = 2
learning_rate = 1e-4
warmup_steps = 1
[sft.logging]
print_every = 1
evaluate_every = 4
evaluation_clips = 2
checkpoint_every = 1
[rl.rollout]
prompts = 2
samples = 2
max_tokens = 60
[rl.critic]
minibatches = 1
warmup_iterations = 1
[rl.logging]
evaluation_prompts = 2
checkpoint_every = 1
[rl.run]
iterations = 2
[evaluation]
prompts = 4
examples = 2
${2:-}
END
}

# The recipe's text names the run's folder, so its hash is the only line of the manifest that may differ.
same_end() {
  local file
  for file in round-{1,2}/{distilled.jsonl,funnel.json,evaluation.jsonl,examples.jsonl,{sft,rl}/model/model.safetensors} evaluation.csv; do
    cmp "whole/$file" "$1/$file" || failed "$1: $file is not that of the run that was never interrupted"
  done
  cmp whole-model/model.safetensors "$1-model/model.safetensors" || failed "$1: another model"
  cmp <(grep -v recipe_sha256 whole/manifest.json) <(grep -v recipe_sha256 "$1/manifest.json") || failed "$1: another manifest"
}

recipe whole
succeeds "$TRAIN" mgrd whole.toml
has out "$work/whole-model"
has err "the starting model: on 4 prompts" "round 1 of 2: 3 chains" "chains distilled from 8 questions" "after round 1's sft" \
  "after round 2: on 4 prompts"
has whole/evaluation.csv "accuracy,thought_tokens,surrogates"
has whole/round-1/funnel.json '"true-claims"' '"by_task"'
(($(wc -l <whole/round-1/examples.jsonl) == 2)) || failed "expected 2 examples"
[[ -s whole/round-1/clips/loudness-0.wav ]] || failed "no clip beside the examples: $(ls whole/round-1/clips)"
succeeds "$STAPES" ask --model "$work/whole-model" "$sample" "Which digits are spoken?"
hash=$(sha256sum whole/round-1/distilled.jsonl)
has whole/manifest.json "${hash%% *}" '"finished": true'

# Killed between any two instructions: while it distils, in supervised training, in reinforcement, and in the second round.
recipe killed
flags=()
for place in round-1/samples/00000000.jsonl round-1/sft/checkpoints/step-00000001 round-1/rl/checkpoints/step-00000000 \
  round-2/samples/00000002.jsonl round-2/sft/checkpoints/step-00000002; do
  "$TRAIN" mgrd killed.toml "${flags[@]}" 2>>killed.log &
  pid=$!
  wait_for "killed/$place"
  sleep "0.$((RANDOM % 5))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  flags=(--resume)
done
succeeds "$TRAIN" mgrd killed.toml --resume
same_end killed

recipe ended
"$TRAIN" mgrd ended.toml 2>ended.log &
pid=$!
wait_for ended/round-1/sft/checkpoints/step-00000001
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
if ((status == 130)); then
  has ended.log "stopped in the step " "go on with: stapes-train mgrd ended.toml --resume"
  succeeds "$TRAIN" mgrd ended.toml --resume
elif ((status != 0)); then # 0: it was done before the signal came
  failed "status $status after SIGTERM"
fi
same_end ended

# Our own server as judge: its small model gives no verdict, and the run goes on or stops as the recipe says.
"$STAPES" serve --port 0 --model "$SOURCE/models/tiny" 2>serve.log &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
wait_for serve.log
for ((i = 0; i < 600; ++i)); do
  grep -q "Ctrl-C ends it" serve.log && break
  sleep 0.1
done
url=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' serve.log | head -n 1)
[[ -n $url ]] || failed "the server said no URL: $(cat serve.log)"

# judged RUN ON_FAILURE: one round, no reinforcement
judged() {
  recipe "$1" "[judge]
url = \"$url/v1\"
model = \"tiny\"
votes = 1
attempts = 1
max_tokens = 32
give_up_after = 3
timeout_s = 60
on_failure = \"$2\""
  sed -i 's/^rounds = 2/rounds = 1/; s/^iterations = 2/iterations = 0/' "$1.toml"
}
judged kept keep
succeeds "$TRAIN" mgrd kept.toml
has err "the judge gave no verdict on a chain of" "such chains are kept" "3 times in a row and is not asked any more"
grep -q '/v1/chat/completions.* 200' serve.log || failed "the server was not asked: $(tail -n 3 serve.log)"
cmp whole/round-1/distilled.jsonl <(sed -E 's/"judge":\{[^}]*\}/"judge":null/' kept/round-1/distilled.jsonl) ||
  failed "a judge without verdicts whose chains are kept changed what is kept"

judged dropped drop
train_fails 65 " at judged" mgrd dropped.toml
judged strict stop
train_fails 74 "no verdict from the judge at $url" mgrd strict.toml

train_fails 66 "none.toml" mgrd none.toml
train_fails 64 "already holds a run" mgrd whole.toml
sed -i 's/^rounds = 2/rounds = 3/' whole.toml
train_fails 65 "the recipe is not the one" mgrd whole.toml --resume
recipe wrong '[filter]
require_truth = true'
train_fails 65 "unknown key filter.require_truth" mgrd wrong.toml
recipe nothing '[filter]
fewest_true_claims = 50'
train_fails 65 "none of 24 chains (of 8 questions) passed the filter" mgrd nothing.toml
recipe missing
sed -i "s|init = .*|init = \"$work/nowhere\"|" missing.toml
train_fails 66 "nowhere" mgrd missing.toml
recipe fresh
train_fails 66 "no manifest.json" mgrd fresh.toml --resume
