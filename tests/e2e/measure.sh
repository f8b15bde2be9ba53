#!/usr/bin/env bash
# stapes measure: what can be measured in a recording.
source "$(dirname "$0")/lib.sh"

succeeds "$STAPES" measure "$sample"
has out "three-seven-one.wav" "length      1." "dBFS on average" "pauses      2: 0.2" "spectral centroid" "|▄"
succeeds "$STAPES" measure "$sample" --json
(($(wc -l <out) == 1)) || failed "expected one line of JSON"
has out '"seconds":1.' '"loudness":{"level_dbfs":' '"pitch":{"course":' '"tempo":{"bpm":null' '"pauses":[{"start_s":' \
  '"contours":{"hop_s":0.05'

succeeds "$STAPES" measure "$sample" --check "The loudness falls. There are two pauses. It lasts 9 seconds. A male voice."
has out "true         loudness falls" "true         two pauses" "false        9 seconds" "uncheckable  male voice"
succeeds "$STAPES" measure "$sample" --json --check "There are no pauses."
has out '"claims":[{"phrase":"no pauses","kind":"pause","denied":true,"verdict":"false"'

silent_wav silence.wav 2
succeeds "$STAPES" measure silence.wav
has out "length      2.00 s; nothing sounds"
succeeds "$STAPES" measure silence.wav --json
has out '"sounds":[]' '"pauses":[]'

fails 64 "FILE" "$STAPES" measure
fails 66 "no-such.wav" "$STAPES" measure no-such.wav
echo "no sound" >text.wav
fails 65 "text.wav" "$STAPES" measure text.wav
fails 65 "at most 600 s" "$STAPES" measure "$(silent_wav long.wav 601; echo long.wav)"
status=0
"$STAPES" measure "$sample" >/dev/full 2>err || status=$?
((status == 74)) || failed "status $status with a full standard output"
