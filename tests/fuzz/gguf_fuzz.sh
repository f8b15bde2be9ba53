#!/usr/bin/env bash
# gguf_fuzz.sh SOURCE WORK GGUF_SEEDS: builds the fuzzer with clang and runs it for FUZZ_SECONDS (20 without).
# Exit status 77: skipped, since clang or its fuzzer is missing. A file that breaks the reader is left in WORK.
set -euo pipefail
source=$1 work=$2 seeds=$3

skip() {
  echo "SKIPPED: the GGUF reader was NOT fuzzed: $1" >&2
  exit 77
}

command -v clang++ >/dev/null || skip "clang is not installed"
mkdir -p "$work/corpus"
cd "$work"
flags=(-std=c++20 -O1 -gline-tables-only -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
  -I "$source/include" -I "$source/src")
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' >probe.cc
clang++ "${flags[@]}" probe.cc -o probe 2>probe.log || skip "clang has no libFuzzer ($(head -n 1 probe.log))"

sources=("$source"/tests/fuzz/gguf_fuzz.cc "$source"/src/tensor/{gguf,quantized,quoted_name,tensor}.cc
  "$source"/src/tensor/blocks/{q8_0,q4_0,q4_k,q6_k}.cc "$source"/src/spec/model_file.cc
  "$source"/src/base/{check,error,file,memory_pages}.cc)
compiler=(clang++)
if command -v ccache >/dev/null; then compiler=(ccache clang++); fi
objects=()
for file in "${sources[@]}"; do
  object=$(basename "$file" .cc).o
  "${compiler[@]}" "${flags[@]}" -c "$file" -o "$object"
  objects+=("$object")
done
clang++ "${flags[@]}" "${objects[@]}" -lfmt -o gguf_fuzz
"$seeds" seeds
./gguf_fuzz -max_total_time="${FUZZ_SECONDS:-20}" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  corpus seeds >fuzz.log 2>&1 || { tail -n 60 fuzz.log; exit 1; }
tail -n 8 fuzz.log
