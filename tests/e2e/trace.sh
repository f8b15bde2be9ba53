#!/usr/bin/env bash
# stapes trace: .npy files of one forward pass.
source "$(dirname "$0")/lib.sh"
question="Which digits are spoken?"

succeeds "$STAPES" trace --model "$MODEL" "$sample" "$question" --out traced
has out "mel [" "encoder [" "adaptor [" "prompt_ids [" "logits ["
for name in mel encoder adaptor prompt_ids logits; do
  [[ $(head -c 6 "traced/$name.npy" | tail -c 5) == NUMPY ]] || failed "$name.npy is not a NumPy file"
  head -c 128 "traced/$name.npy" | grep -aqF "'shape': (" || failed "$name.npy has no shape"
done
silent_wav long.wav 30
succeeds "$STAPES" trace --model "$MODEL" long.wav "$question" --out pieces
[[ -f pieces/mel.npy && -f pieces/mel.1.npy ]] || failed "expected the files of two pieces"

: >file
fails 74 "file" "$STAPES" trace --model "$MODEL" "$sample" "$question" --out file
fails 65 "empty" "$STAPES" trace --model "$MODEL" "$sample" "" --out traced
fails 66 "no-model" "$STAPES" trace --model no-model "$sample" "$question" --out traced
