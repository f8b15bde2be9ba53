#!/usr/bin/env bash
# stapes-train dpo in two processes: the same pairs, the same training but for the order of sums.
source "$(dirname "$0")/lib.sh"
[[ -n ${TRAIN:-} ]] || { echo "SKIPPED: this build has no stapes-train"; exit 77; }
command -v mpirun >/dev/null || { echo "SKIPPED: there is no mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 STAPES_RANK_TIMEOUT_S=60
together() { mpirun --oversubscribe --bind-to none -n 2 "$@"; }

# rank R COMMAND...: as a launcher starts it; both by hand, so that the script knows their ids.
port=$((20000 + $$ % 12768))
rank() {
  local number=$1
  shift
  exec env RANK="$number" WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT="$port" "$@"
}

recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
save_dtype = "f32"
[data]
max_notes = 3
[pairs]
prompts = 10
samples = 2
examples_where_none_refuses = true
require_grounded = false
[rollout]
max_tokens = 60
live_sequences = 8
[optimizer]
steps = 5
pairs_per_step = 3
learning_rate = 1e-5
warmup_steps = 0
[logging]
print_every = 1
checkpoint_every = 1
evaluate_every = 5
evaluation_pairs = 4
evaluation_questions = 2
END
}

recipe one
succeeds "$TRAIN" dpo one.toml
recipe two
succeeds together "$TRAIN" dpo two.toml
[[ $(grep -c "step 5/5" err) == 1 ]] || failed "not one rank speaks"
has err "loss 0.6931"
cmp one/pairs.jsonl two/pairs.jsonl || failed "other pairs than one process"
for log in metrics test; do
  paste -d, "one/$log.csv" "two/$log.csv" | awk -F, '
    NR == 1 { half = NF / 2; next }
    { for (column = 1; column <= 6; ++column) {
        a = $column; b = $(half + column); size = a < 0 ? -a : a
        if (a - b > 1e-3 * (1 + size) || b - a > 1e-3 * (1 + size)) { print "line", NR, "column", column, a, b; bad = 1 } } }
    END { exit bad || NR < 2 }' >out || failed "$log.csv differs from one process: $(cat out)"
done

# Stopped by a signal to the second rank alone, and resumed by both.
recipe stopped
(rank 0 "$TRAIN" dpo stopped.toml) 2>leader.err &
leader=$!
(rank 1 "$TRAIN" dpo stopped.toml) 2>second.err &
second=$!
wait_for stopped/checkpoints/step-00000001
kill -TERM "$second"
status=0
wait "$leader" || status=$?
wait "$second" || failed "the second rank: $(cat second.err)"
if ((status != 0)); then
  has leader.err "stopped at step" "stapes-train dpo stopped.toml --resume"
  succeeds together "$TRAIN" dpo stopped.toml --resume
fi
cmp two-model/model.safetensors stopped-model/model.safetensors || failed "a resumed run differs"
