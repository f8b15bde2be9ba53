# Sourced by the scripts of this folder. They run the real program:
#   STAPES  the program                SOURCE         the source tree
#   TRAIN   stapes-train, or empty where it was not built
#   MODEL   a random tiny model        ENDLESS_MODEL  one that never ends its answer (both by make_model)
# Every script works in a folder of its own that is removed at the end.
set -euo pipefail
: "${STAPES:?}" "${SOURCE:?}" "${MODEL:?}" "${ENDLESS_MODEL:?}"
unset STAPES_MODEL STAPES_LOG

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
sample=$SOURCE/samples/three-seven-one.wav

failed() {
  echo "FAILED: $*" >&2
  echo "--- stdout"; head -c 2000 out; echo "--- stderr"; head -c 2000 err
  exit 1
} 2>&1

# run COMMAND...: keeps standard output in the file `out`, standard error in `err`, and the status in $status.
run() {
  status=0
  "$@" >out 2>err || status=$?
}

# succeeds COMMAND...
succeeds() {
  run "$@"
  ((status == 0)) || failed "status $status of: $*"
}

# fails STATUS MESSAGE COMMAND...: the last line of standard error must hold MESSAGE and begin with the program's name.
fails() {
  local expected=$1 message=$2
  shift 2
  run "$@"
  ((status == expected)) || failed "status $status in place of $expected of: $*"
  [[ $(tail -n 1 err) == "stapes: "*"$message"* ]] || failed "no \"$message\" in the last line of: $*"
}

# wait_for FILE: until it is there.
wait_for() {
  local tries
  for ((tries = 0; tries < 2000; ++tries)); do
    [[ -e $1 ]] && return
    sleep 0.05
  done
  failed "no $1 after 100 s"
}

# killed_at FILE COMMAND...: kill -9 within a quarter of a second after FILE is there. A fast machine may be done before.
killed_at() {
  local file=$1 pid
  shift
  "$@" 2>>killed.log &
  pid=$!
  while [[ ! -e $file ]] && kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
  sleep "$(printf '0.%02d' $((RANDOM % 25)))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# train_fails STATUS MESSAGE ARGUMENTS...: as fails, of stapes-train.
train_fails() {
  local expected=$1 message=$2
  shift 2
  run "$TRAIN" "$@"
  ((status == expected)) || failed "status $status in place of $expected of: stapes-train $*"
  [[ $(tail -n 1 err) == "stapes-train: "*"$message"* ]] || failed "no \"$message\" of: stapes-train $*"
}

# needs_train, needs_mpirun: the test is skipped where they are missing.
needs_train() { [[ -n ${TRAIN:-} ]] || { echo "SKIPPED: this build has no stapes-train"; exit 77; }; }
needs_mpirun() {
  command -v mpirun >/dev/null || { echo "SKIPPED: there is no mpirun"; exit 77; }
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 STAPES_RANK_TIMEOUT_S=60
  rank_port=$((20000 + $$ % 12768))
}

# together COMMAND...: in two processes.
together() { mpirun --oversubscribe --bind-to none -n 2 "$@"; }

# start_ranks COMMAND...: as a launcher starts them, but by hand: their ids are $leader and $second, what they print to
# standard error is in leader.err and second.err.
start_ranks() {
  local common=(env WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT="$rank_port")
  "${common[@]}" RANK=0 "$@" 2>leader.err &
  leader=$!
  "${common[@]}" RANK=1 "$@" 2>second.err &
  second=$!
}

# stopped_by_second STAGE RECIPE FILE: two ranks train until FILE is there; a signal to the second alone stops both, and
# what they saved goes on.
stopped_by_second() {
  local stage=$1 recipe=$2 file=$3 ended=0
  start_ranks "$TRAIN" "$stage" "$recipe"
  wait_for "$file"
  kill -TERM "$second"
  wait "$leader" || ended=$?
  wait "$second" || failed "the second rank: $(cat second.err)"
  ((ended != 0)) || return 0  # a fast machine was done before
  has leader.err "stopped at step" "stapes-train $stage $recipe --resume"
  succeeds together "$TRAIN" "$stage" "$recipe" --resume
}

# same_numbers A B COLUMNS: two CSV files of as many lines whose first columns differ by the order of sums only.
same_numbers() {
  [[ $(wc -l <"$1") -ge 2 && $(wc -l <"$1") == $(wc -l <"$2") ]] || failed "$1 and $2 have other lines"
  paste -d, "$1" "$2" | awk -F, -v columns="$3" '
    NR == 1 { half = NF / 2; next }
    { for (column = 1; column <= columns; ++column) {
        a = $column; b = $(half + column); size = a < 0 ? -a : a
        if (a - b > 1e-3 * (1 + size) || b - a > 1e-3 * (1 + size)) { print "line", NR, "column", column, a, b; bad = 1 } } }
    END { exit bad }' >out || failed "$1 and $2 differ: $(cat out)"
}

# has FILE TEXT...: each TEXT stands in FILE.
has() {
  local file=$1 text
  shift
  for text in "$@"; do
    grep -qF -- "$text" "$file" || failed "no \"$text\" in $file"
  done
}

# Little-endian numbers as bytes.
u16() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))"; }
u32() { u16 $(($1 & 65535)); u16 $(($1 >> 16 & 65535)); }

# wav_header FORMAT(1 PCM, 3 float) CHANNELS RATE_HZ BITS DATA_BYTES
wav_header() {
  local frame_bytes=$(($2 * $4 / 8))
  printf 'RIFF'; u32 $((36 + $5)); printf 'WAVEfmt '; u32 16; u16 "$1"; u16 "$2"
  u32 "$3"; u32 $(($3 * frame_bytes)); u16 "$frame_bytes"; u16 "$4"; printf 'data'; u32 "$5"
}

# silent_wav FILE SECONDS [RATE_HZ] [CHANNELS]: 16 bit; the samples are a hole in the file.
silent_wav() {
  local rate_hz=${3:-16000} channels=${4:-1}
  local data_bytes=$(($2 * rate_hz * channels * 2))
  wav_header 1 "$channels" "$rate_hz" 16 "$data_bytes" >"$1"
  truncate -s $((44 + data_bytes)) "$1"
}
