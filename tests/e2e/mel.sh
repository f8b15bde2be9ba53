#!/usr/bin/env bash
# stapes mel: a picture.
source "$(dirname "$0")/lib.sh"

succeeds "$STAPES" mel "$sample" --png mel.png
has out "mel.png: 1." "frames of 128 bands"
[[ $(head -c 8 mel.png | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]] || failed "mel.png is not a PNG"
succeeds "$STAPES" mel "$sample" --png small.png --bands 40
has out "frames of 40 bands"

fails 65 "at most 300 s" "$STAPES" mel "$(silent_wav long.wav 301; echo long.wav)" --png long.png
fails 74 "no-such-folder/mel.png" "$STAPES" mel "$sample" --png no-such-folder/mel.png
status=0
"$STAPES" mel "$sample" --png mel.png >/dev/full 2>err || status=$?
((status == 74)) || failed "status $status with a full standard output"
has err "cannot write to standard output"
