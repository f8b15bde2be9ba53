#!/usr/bin/env bash
# stapes bench: keys of the report, and what is refused. Nothing here is timed.
source "$(dirname "$0")/lib.sh"

quick=(--prefill 16 --decode 2 --context 8 --batch 1,2 --audio 1 --repeat 2 --threads 2)

succeeds "$STAPES" bench --shape tiny --type f32 "${quick[@]}"
has out machine "model     tiny, f32" "prefill 16" "decode 2 at 8" "decode 2 x 2 at 8" "audio 1 s" bandwidth peak memory
succeeds "$STAPES" bench --shape tiny --type q4_0 --head-type q6_k "${quick[@]}" --json
has out '"machine":{"threads":2,' '"bandwidth_gb_s":' '"int8_gop_s":' '"f32_gflop_s":' \
  '"model":{"shape":"tiny","type":"q4_0","head_type":"q8_0","bytes":' '"parameters":' \
  '"results":[{"name":"prefill 16","kind":"prefill","tokens":16,"context":0,"batch":1,"tokens_per_s":' \
  '"gb_per_s":' '"share_of_bandwidth":' '"share_of_peak":' '"ms":{"median":' '"min":' '"max":' \
  '"name":"decode 2 x 2 at 8","kind":"decode","tokens":2,"context":8,"batch":2,' '"kind":"audio"' \
  '"memory":{"rss_bytes":' '"peak_rss_bytes":' '"large_page_bytes":' '"load_ms":null,"first_token_ms":null'
[[ $(wc -l <out) == 1 ]] || failed "--json prints one line"
succeeds "$STAPES" bench "$MODEL" --prefill 0 --decode 2 --context 8 --batch 1 --audio 0 --repeat 1 --json
has out '"load_ms":' '"first_token_ms":' '"type":"f32"'
! grep -q '"load_ms":null' out || failed "a real model has a load time"

# A shape as a file, and several answers to one prompt in the engine: the prompt is read once.
succeeds "$STAPES" bench --shape tiny --type q4_0 --save shape.gguf
succeeds "$STAPES" bench shape.gguf --prefill 0 --decode 0 --audio 0 --kv int8 --samples 3 --sample-prompt 60 --sample-tokens 4 --json
has out '"samples":{"samples":3,"tokens":4,"prompt_tokens":' '"ratio":' '"type":"q4_0"'
node -e 'const s = JSON.parse(require("fs").readFileSync("out")).samples;
  if (s.prompt_tokens < 60 || s.prompt_tokens_computed !== s.prompt_tokens) throw new Error(JSON.stringify(s));' ||
  failed "the prompt of all samples is computed once"

fails 64 "needs a MODEL in a file" "$STAPES" bench --shape tiny --samples 2
fails 64 "--save is for a model made by --shape" "$STAPES" bench "$MODEL" --save other.gguf
fails 64 "step-audio-r1, step-audio-r1-audio, qwen2.5-0.5b" "$STAPES" bench
fails 64 "step-audio-r1, step-audio-r1-audio, qwen2.5-0.5b" "$STAPES" bench --shape huge
fails 64 "either" "$STAPES" bench "$MODEL" --shape tiny
fails 64 "--type is for a model made by --shape" "$STAPES" bench "$MODEL" --type q4_0
fails 64 "q4_0, q4_k" "$STAPES" bench --shape tiny --type q5_1
fails 64 "--prefill" "$STAPES" bench --shape tiny --prefill many
fails 64 "--batch" "$STAPES" bench --shape tiny --batch 0
fails 64 "--repeat" "$STAPES" bench --shape tiny --repeat 0
fails 64 "positions for 4096" "$STAPES" bench --shape tiny --context 4096
fails 64 "at most 30 s" "$STAPES" bench --shape tiny --audio 31
fails 66 "no-model" "$STAPES" bench no-model
fails 69 "memory are free" "$STAPES" bench --shape step-audio-r1 --context 60000 --batch 4096
