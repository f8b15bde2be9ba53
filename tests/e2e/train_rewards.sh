#!/usr/bin/env bash
# stapes-train rl with rewards of the user's own: code against unit tests, a command that fails.
source "$(dirname "$0")/lib.sh"
needs_train
python3 -c 'import resource' 2>/dev/null || { echo "SKIPPED: there is no python3"; exit 77; }

for i in {1..6}; do
  echo "{\"messages\":[{\"role\":\"user\",\"content\":\"How many is $i?\"}],\"grader\":\"unit-tests\",\"tests\":\"assert x == $i\"}"
  echo "{\"messages\":[{\"role\":\"user\",\"content\":\"How many is $i?\"}],\"answer\":\"$i\",\"kind\":\"short\"}"
done >prompts.jsonl

# Shorter answers are better; one line an item.
cat >short.awk <<'END'
{ match($0, /"id":[0-9]+/); id = substr($0, RSTART + 5, RLENGTH - 5)
  match($0, /"answer":"[^"]*"/); printf "{\"id\": %d, \"score\": %.4f}\n", id, 1 / RLENGTH }
END

# recipe RUN COMMAND ON_FAILURE: COMMAND grades the rows of kind "short".
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
[data]
jsonl = "$work/prompts.jsonl"
[[reward.plugins]]
name = "unit-tests"
command = ["python3", "$SOURCE/examples/grade_python.py", "--time", "5"]
decides = true
[[reward.plugins]]
name = "short"
command = $2
weight = 0.5
timeout_s = 2
on_failure = "$3"
[rollout]
prompts = 4
samples = 2
max_tokens = 60
[policy]
warmup_updates = 0
[critic]
warmup_iterations = 0
minibatches = 1
[logging]
checkpoint_every = 1
evaluate_every = 2
evaluation_prompts = 2
completions = 0
[run]
iterations = 2
END
}

recipe good "[\"awk\", \"-f\", \"$work/short.awk\"]" stop
succeeds "$TRAIN" rl good.toml
has good/metrics.csv ",plugin/unit-tests," ",plugin/short,"
has good/test.csv ",plugin/unit-tests,"
has good/completions.jsonl '"plugin/unit-tests":' '"plugin/short":0.'
grep '"plugin/unit-tests"' good/completions.jsonl | grep -q '"plugin/short"' && failed "a row of one plug-in was graded by the other"

recipe hangs '["sleep", "60"]' stop
train_fails 65 'the reward plug-in "short" gave no score for' rl hangs.toml
has err "not done within 2.0 s" 'with on_failure = "zero"'

recipe skips '["sh", "-c", "echo {{{"]' skip
succeeds "$TRAIN" rl skips.toml
has err "said nothing about it; they are left out"
grep -q '"plugin/short"' skips/completions.jsonl && failed "a reply without a score has one"

recipe zeros '["false"]' zero
succeeds "$TRAIN" rl zeros.toml
has zeros/completions.jsonl '"plugin/short":0.0'

sed -i 's/"grader":"unit-tests"/"grader":"unit-test"/' prompts.jsonl
recipe nobody "[\"awk\", \"-f\", \"$work/short.awk\"]" stop
train_fails 65 'no reward plug-in with decides = true has the name "unit-test"' rl nobody.toml
