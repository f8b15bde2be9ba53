#!/usr/bin/env bash
# stapes quantize: a model folder to one GGUF file that every command takes, and what it refuses.
source "$(dirname "$0")/lib.sh"
tiny=$SOURCE/models/tiny
question="Which digits are spoken?"

# Every type; the tiny model's width of 192 has room for blocks of 32 only, which is said.
for type in f32 f16 bf16 q8_0 q4_0 q4_k; do
  succeeds "$STAPES" quantize "$tiny" $type.gguf --type $type
  has out decoder encoder total "became a file of"
  [[ ! -s err ]] || failed "a progress bar outside of a terminal"
  cp out $type.summary
  succeeds "$STAPES" inspect $type.gguf
  has out "encoder" "lm_head" "tokenizer" "<|EOT|>"
  ! grep -q problem out || failed "a good file has no problems"
done
has q4_k.summary "Q4_K" "Q4_0" "fill no blocks of Q4_K: stored as Q4_0" "fill no blocks of Q6_K: stored as Q8_0"
! grep -q "fill no" q8_0.summary || failed "nothing falls back from Q8_0 here"
succeeds "$STAPES" inspect q4_0.gguf --json
has out '"problems":[]' '"Q4_0":28' '"<audio_patch>":'
(($(stat -c %s q4_0.gguf) < $(stat -c %s q8_0.gguf) && $(stat -c %s q8_0.gguf) < $(stat -c %s bf16.gguf))) ||
  failed "the sizes are out of order"

# The small model is stored as bf16, so bf16 and f32 lose nothing: the same answer, to the letter.
ask=("$STAPES" ask --temperature 0 --max-tokens 60)
succeeds "${ask[@]}" --model "$tiny" "$sample" "$question"
cp out answer
for type in f32 bf16 f16; do
  succeeds "${ask[@]}" --model $type.gguf "$sample" "$question"
  diff answer out || failed "another answer from $type.gguf"
done
# Quantized models run too, and are still good enough to write digits.
for type in q8_0 q4_0 q4_k; do
  succeeds "${ask[@]}" --model $type.gguf "$sample" "$question"
  grep -qE '^[0-9]( [0-9])*$' out || failed "expected digits from $type.gguf, got $(cat out)"
done
succeeds env STAPES_MODEL=bf16.gguf "$STAPES" trace "$sample" "$question" --out trace
has out "logits"
succeeds "$STAPES" tokenize --model bf16.gguf <<<"hello"
cp out ids
succeeds "$STAPES" tokenize --model "$tiny" <<<"hello"
diff ids out || failed "another tokenizer"
# From one file to another; the number of threads does not show.
succeeds "$STAPES" quantize f32.gguf again.gguf --type q4_0 --threads 1
cmp <(tail -c 1000000 q4_0.gguf) <(tail -c 1000000 again.gguf) || failed "other weights from f32.gguf"

# The report: one line or object per tensor, in any case of the type's name.
succeeds "$STAPES" quantize "$tiny" r.gguf --type Q4_0 --report r.csv
has r.csv "tensor,shape,original,wanted,stored,bytes,relative_rms_error,largest_error" \
  "lm_head.weight,608x192,BF16,Q6_K,Q8_0," "model.norm.weight,192,BF16,F32,F32,768,0,0"
(($(wc -l <r.csv) == 110)) || failed "expected a line for each of 109 tensors"
succeeds "$STAPES" quantize "$tiny" r.gguf --type q4_0 --report r.json --force
has r.json '"relative_rms_error"' '"tensor": "lm_head.weight"'

# Bad input, and nothing half done.
fails 66 "no-model" "$STAPES" quantize no-model x.gguf --type q4_0
fails 64 "--type" "$STAPES" quantize "$tiny" x.gguf --type q9_9
fails 64 "--type is required" "$STAPES" quantize "$tiny" x.gguf
fails 64 "OUT is required" "$STAPES" quantize "$tiny" --type q4_0
fails 64 "r.gguf exists already (--force replaces it)" "$STAPES" quantize "$tiny" r.gguf --type q4_0
fails 64 "something else" "$STAPES" quantize "$tiny" . --type q4_0 --force
fails 64 "something else" "$STAPES" quantize "$tiny" /dev/full --type q4_0 --force
fails 64 "FILE.json or FILE.csv" "$STAPES" quantize "$tiny" x.gguf --type q4_0 --report x.txt
fails 66 "no-folder" "$STAPES" quantize "$tiny" no-folder/x.gguf --type q4_0
fails 69 "is Q8_0 already" "$STAPES" quantize q4_0.gguf x.gguf --type q8_0
cp -r "$tiny" broken && chmod -R u+w broken
truncate -s -1000 broken/model.safetensors
fails 65 "model.safetensors" "$STAPES" quantize broken x.gguf --type q4_0
[[ ! -e x.gguf ]] || failed "a refused call left a file"

# Files that are cut, newer, or something else.
head -c 20 bf16.gguf >cut.gguf
fails 65 "is the file truncated?" "$STAPES" inspect cut.gguf
head -c -100000 bf16.gguf >cut.gguf
fails 65 "is it truncated?" "$STAPES" inspect cut.gguf
fails 65 "is it truncated?" "${ask[@]}" --model cut.gguf "$sample" "$question"
{ printf 'GGUF\4'; tail -c +6 bf16.gguf; } >newer.gguf
fails 69 "newer version 4" "$STAPES" inspect newer.gguf
# The value of stapes.format_version follows its name and its type (uint32: 4, 0, 0, 0).
sed 's/stapes.format_version\x04\x00\x00\x00\x01/stapes.format_version\x04\x00\x00\x00\x02/' bf16.gguf >newer.gguf
fails 69 "a newer stapes wrote this file (format version 2; this one reads 1)" "$STAPES" inspect newer.gguf
sed 's/step_audio_2/step_radio_2/' bf16.gguf >other.gguf
fails 65 "expected general.architecture to be step_audio_2" "${ask[@]}" --model other.gguf "$sample" "$question"
sed 's/rows16/rows32/' bf16.gguf >other.gguf
fails 69 "expected stapes.tensor_layout to be rows16" "$STAPES" inspect other.gguf
fails 65 "GGUF" "$STAPES" inspect "$sample"

# A disk too small is seen before the work; one that fills up meanwhile leaves nothing behind.
if ((EUID == 0)) && mkdir disk && mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null; then
  trap 'umount "$work/disk"; rm -rf "$work"' EXIT
  fails 74 "bytes, but only" "$STAPES" quantize "$tiny" disk/x.gguf --type q4_0
  [[ -z $(ls disk) ]] || failed "a file on the full disk"
else
  echo "SKIPPED: a full disk needs root and tmpfs" >&2
fi
# A limit on the size of files stands for the disk that fills up: the write fails in the middle.
status=0
(trap '' XFSZ; ulimit -f 1024; exec "$STAPES" quantize "$tiny" full.gguf --type q4_0) >out 2>err || status=$?
((status == 74)) || failed "status $status where writing fails"
has err "stapes: cannot write full.gguf"
[[ -z $(ls | grep '^full.gguf') ]] || failed "half a file is left"

# Ctrl-C while the temporary file is there. The small model may be done first; no half file is left either way.
set -m  # gives the program a process group of its own, where Ctrl-C is not ignored
"$STAPES" quantize "$tiny" stopped.gguf --type q4_k --threads 1 >out 2>err &
pid=$!
until compgen -G 'stopped.gguf*' >/dev/null; do sleep 0.01; done
kill -INT "$pid" 2>/dev/null || true
status=0
wait "$pid" || status=$?
((status == 130 || status == 0)) || failed "status $status after Ctrl-C"
! compgen -G 'stopped.gguf.tmp*' >/dev/null || failed "Ctrl-C left a half file"
