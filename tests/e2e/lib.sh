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
