#!/usr/bin/env bash
# report.sh SOURCE_TREE WORK_DIR: makes short real runs, their reports, and opens these in Chromium.
#   TRAIN          stapes-train
#   CHROMIUM       the browser; the default is the one in PATH
#   SCREENSHOTS    a folder: pictures of the pages are written there
source "$(dirname "$0")/lib.sh"
source_tree=$1
work=$2
: "${TRAIN:?}"

needs_node
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v google-chrome || true)}
[[ -n $CHROMIUM ]] || missing "chromium is not installed"
mkdir -p "$work"
rm -rf "$work/browser" "$work/report" "$work/runs"
cp -R "$source_tree/tests/web/browser" "$source_tree/tests/web/report" "$source_tree/tests/web/package.json" \
  "$source_tree/tests/web/package-lock.json" "$work"
install_packages "$work"
mkdir -p "$work/runs"
cd "$work/runs"

# sft_recipe NAME STEPS
sft_recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$1"
[model]
init = "$source_tree/models/tiny"
[data]
melody_share = 1.0
[optimizer]
steps = $2
clips_per_step = 4
warmup_steps = 2
learning_rate = 1e-4
[logging]
print_every = 1
evaluate_every = 4
evaluation_clips = 4
checkpoint_every = 4
completions_every = 4
completions = 4
END
}

# rl_recipe NAME SEED
rl_recipe() {
  cat >"$1.toml" <<END
name = "short"
run_folder = "$1"
[model]
init = "$source_tree/models/tiny"
[data]
tasks = ["count-notes", "loudness"]
max_notes = 4
[rollout]
prompts = 4
samples = 4
max_tokens = 80
[policy]
learning_rate = 1e-4
warmup_updates = 0
[critic]
learning_rate = 1e-3
warmup_updates = 0
warmup_iterations = 1
minibatches = 2
[logging]
checkpoint_every = 5
evaluation_prompts = 4
evaluate_every = 2
[run]
iterations = 5
seed = $2
END
}

sft_recipe sft 8
"$TRAIN" sft sft.toml 2>>log
# What a run leaves that was killed in the middle of a line.
sft_recipe killed 8
cp -R sft killed
printf '8,0.01,nan' >>killed/train.csv
printf '{"step":8,"text":"<b' >>killed/completions.jsonl
rm -r killed/test.csv killed/tensorboard
sed -i 's/steps = 8/steps = 80/' killed/recipe.toml
for seed in 1 2; do
  rl_recipe "rl-seed$seed" "$seed"
  "$TRAIN" rl "rl-seed$seed.toml" 2>>log
done
node "$work/report/make_hostile.mjs" "$source_tree"

report() {
  "$TRAIN" report "$@" >out 2>err || { cat err >&2; exit 1; }
}
report sft
[[ $(<out) == sft/report.html && ! -s err ]] || { echo "FAILED: report says: $(<out) $(<err)" >&2; exit 1; }
report killed --out killed.html
grep -q "killed: train.csv: the last line is cut" err || { echo "FAILED: nothing is said of a cut line" >&2; exit 1; }
report rl-seed1 --out rl.html
report rl-seed1 rl-seed2 sft --out compare.html --title "Two stages"
report hostile --out hostile.html

# refused STATUS MESSAGE ARGUMENTS...
refused() {
  local expected=$1 message=$2 status=0
  shift 2
  "$TRAIN" report "$@" >out 2>err || status=$?
  [[ $status == "$expected" && $(tail -n 1 err) == "stapes-train: "*"$message"* ]] || {
    echo "FAILED: status $status, '$(tail -n 1 err)' of: report $*" >&2
    exit 1
  }
}
mkdir empty
refused 65 "empty is not a run's folder: expected recipe.toml" empty
refused 66 "no such folder: nowhere" nowhere
refused 65 "is a file, expected the folder of a run" sft.toml
refused 64 "several runs were given" sft killed
refused 74 "no-such-folder/page.html" sft --out no-such-folder/page.html

export CHROMIUM SOURCE=$source_tree RUNS=$work/runs
for file in "$work"/report/*.test.mjs; do
  node --test --test-reporter=spec "$file"
done
