#!/usr/bin/env bash
# stapes-train sft in two processes trains as it does in one: stopped, killed, resumed.
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

for i in {1..12}; do
  echo "{\"messages\":[{\"role\":\"user\",\"content\":\"How many is $i?\"},{\"role\":\"assistant\",\"content\":\"$i\"}]}"
done >text.jsonl

# recipe RUN STEPS: texts and melodies, nine texts of sixteen samples: in one step of eight a rank has text alone.
recipe() {
  cat >"$1.toml" <<END
name = "$1"
run_folder = "$work/$1"
[model]
init = "$SOURCE/models/tiny"
output = "$work/$1-model"
save_dtype = "f32"
[[data.sources]]
name = "text"
weight = 9
jsonl = "$work/text.jsonl"
[[data.sources]]
name = "sounds"
world = true
weight = 7
melody_share = 1
[optimizer]
steps = $2
clips_per_step = 2
learning_rate = 1e-4
warmup_steps = 2
[logging]
print_every = 1
evaluate_every = 8
evaluation_clips = 4
checkpoint_every = 4
END
}

recipe one 8
succeeds "$TRAIN" sft one.toml
recipe two 8
succeeds together "$TRAIN" sft two.toml
[[ $(grep -c "step 8/8" err) == 1 ]] || failed "not one rank speaks"
[[ -d two/rank-1 && ! -d two/rank-1/checkpoints ]] || failed "the second rank's files"
# Losses are the same but for the order of sums.
paste -d, one/train.csv two/train.csv | awk -F, '
  NR == 1 { half = NF / 2; next }
  { for (column = 1; column <= 3; ++column) {
      a = $column; b = $(half + column)
      if (a - b > 1e-3 * (1 + a) || b - a > 1e-3 * (1 + a)) { print "line", NR, "column", column, a, b; bad = 1 } } }
  END { exit bad || NR != 9 }' >out || failed "other losses than one process: $(cat out)"
succeeds "$STAPES" ask --model "$work/two-model" "$sample" "How many notes are there?"

# The same again, to the bit; and once more, stopped by a signal to the second rank alone.
recipe again 8
succeeds together "$TRAIN" sft again.toml
cmp two-model/model.safetensors again-model/model.safetensors || failed "two runs of two ranks differ"
recipe stopped 8
(rank 0 "$TRAIN" sft stopped.toml) 2>leader.err &
leader=$!
(rank 1 "$TRAIN" sft stopped.toml) 2>second.err &
second=$!
wait_for stopped/checkpoints/step-00000004
kill -TERM "$second"
status=0
wait "$leader" || status=$?
wait "$second" || failed "the second rank: $(cat second.err)"
if ((status != 0)); then
  has leader.err "stopped at step" "stapes-train sft stopped.toml --resume"
  succeeds together "$TRAIN" sft stopped.toml --resume
fi
cmp two-model/model.safetensors stopped-model/model.safetensors || failed "a resumed run differs"

# One that is killed: the other says so with its rank and the step, and what is saved goes on.
recipe killed 400
(rank 0 "$TRAIN" sft killed.toml) 2>leader.err &
leader=$!
(rank 1 "$TRAIN" sft killed.toml) 2>second.err &
second=$!
wait_for killed/checkpoints/step-00000004
kill -9 "$second"
wait "$second" 2>/dev/null || true
status=0
wait "$leader" || status=$?
cp leader.err err
((status != 0)) || failed "rank 0 ended well without the other"
grep -qE "rank 0 of 2 lost the others at step [0-9]+, " err || failed "no word about the lost rank"
[[ $(ls killed/checkpoints) != *tmp* ]] || failed "half a checkpoint"
sed -i 's/^steps = .*/steps = 401/' killed.toml
run together "$TRAIN" sft killed.toml --resume
((status != 0)) || failed "another recipe under --resume"
has err "the recipe is not the one"
