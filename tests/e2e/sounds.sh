#!/usr/bin/env bash
# Sounds that cannot be used: a sentence, a status, no crash, and nothing written.
source "$(dirname "$0")/lib.sh"

mkdir folder
: >empty.wav
echo "these are words, not sounds, and there are enough of them to fill a header" >words.wav
silent_wav no-samples.wav 0
head -c 30 "$sample" >truncated-header.wav
{ wav_header 1 1 0 16 32000; head -c 32000 /dev/zero; } >zero-hz.wav
{ wav_header 1 1 16000 16 4294967000; head -c 3200 /dev/zero; } >claims-4-gb.wav
{ wav_header 3 1 16000 32 16; u32 0; u32 0x7fc00000; u32 0; u32 0; } >nan.wav
{ wav_header 3 1 16000 32 16; u32 0; u32 0x7f800000; u32 0; u32 0; } >infinite.wav
silent_wav an-hour.wav 3600
silent_wav three-hours.wav $((3 * 3600)) 8000
silent_wav 32-channels.wav 1 16000 32
silent_wav 100-channels.wav 1 16000 100

# Every command that hears something meets the file in the same way.
for command in "mel --png out.png" "ask --model $MODEL" "trace --model $MODEL --out traced"; do
  read -r -a words <<<"$command"
  question=("Which digits are spoken?")
  [[ ${words[0]} == mel ]] && question=()
  # refuses STATUS MESSAGE FILE
  refuses() { fails "$1" "$2" "$STAPES" "${words[@]}" "$3" "${question[@]}"; has err "${3##*/}"; }
  refuses 66 "there is no file" missing.wav
  refuses 74 "directory" folder
  refuses 65 "is empty" empty.wav
  refuses 65 "is not audio" words.wav
  refuses 65 "holds no samples" no-samples.wav
  refuses 65 "header is cut off" truncated-header.wav
  refuses 65 "says 0 Hz" zero-hz.wav
  refuses 65 "claims 4294967000 bytes" claims-4-gb.wav
  refuses 65 "got nan" nan.wav
  refuses 65 "got inf" infinite.wav
  refuses 65 "at most" three-hours.wav
  refuses 65 "channels" 100-channels.wav
  [[ ! -e out.png && ! -e traced ]] || failed "$command wrote something"
done

# 32 channels are fine: their mean is heard.
succeeds "$STAPES" mel 32-channels.wav --png out.png
# An hour does not fit the small context, and is refused with memory bounded by its samples (220 MiB at 16 kHz).
# The sanitizers reserve more address space than there is memory, so they run without the limit.
limited() {
  ([[ -n ${SANITIZE:-} ]] || ulimit -v 1500000; exec "$@")
}
fails 65 "tokens" limited "$STAPES" ask --model "$MODEL" --threads 1 an-hour.wav "Which digits are spoken?"
has err "144 pieces"
