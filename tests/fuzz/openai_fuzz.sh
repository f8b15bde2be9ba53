#!/usr/bin/env bash
# openai_fuzz.sh SOURCE WORK OPENAI_SEEDS: builds the fuzzer with clang and runs it for FUZZ_SECONDS (15 without).
# Exit status 77: skipped, since clang or its fuzzer is missing. A body that breaks the reader is left in WORK.
set -euo pipefail
source=$1 work=$2 seeds=$3

skip() {
  echo "SKIPPED: the requests of the HTTP API were NOT fuzzed: $1" >&2
  exit 77
}

command -v clang++ >/dev/null || skip "clang is not installed"
mkdir -p "$work/corpus"
cd "$work"
libraries=(fmt spdlog sndfile soxr kissfft-float libpcre2-8 libutf8proc)
read -ra includes < <(pkg-config --cflags "${libraries[@]}")
read -ra links < <(pkg-config --libs "${libraries[@]}")
# Without checks of every pointer it compiles in two thirds of the time: of null pointers and of what lies outside of an
# object the address sanitizer tells, too.
flags=(-std=c++20 -O1 -gline-tables-only -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
  -fno-sanitize=null,alignment,vptr,object-size
  -I "$source/include" -I "$source/src" "${includes[@]}")
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' >probe.cc
clang++ "${flags[@]}" probe.cc -o probe 2>probe.log || skip "clang has no libFuzzer ($(head -n 1 probe.log))"

# One translation unit, as STAPES_UNITY makes it of a folder: most of a file's time is that of templates. (The
# trainer of tokenizers has a name of its own for what others call Json.)
for file in "$source"/tests/fuzz/openai_fuzz.cc "$source"/src/spec/audio_tokens.cc \
  "$source"/src/base/{check,error,file,memory_pages}.cc "$source"/src/text/*.cc \
  "$source"/src/audio/{audio_file,byte_source,log_mel,resampler,wav_header}.cc "$source"/src/serve/openai/*.cc; do
  case $file in
    *_test.cc | */bpe_trainer.cc | */other_bodies.cc | */completion_reply.cc | */openapi_*.cc) ;;
    *) echo "#include \"$file\"" ;;
  esac
done >openai.cc
compiler=(clang++)
if command -v ccache >/dev/null; then compiler=(ccache clang++); fi
"${compiler[@]}" "${flags[@]}" -c openai.cc -o openai.o
"${compiler[@]}" "${flags[@]}" -c "$source"/src/text/bpe_trainer.cc -o bpe_trainer.o
clang++ "${flags[@]}" openai.o bpe_trainer.o "${links[@]}" -o openai_fuzz
"$seeds" "$source" seeds
for word in messages role content type text input_audio data audio_url url tools tool_calls function name \
  arguments eot continue_final_message add_generation_prompt tts_content tts_audio stop n logprobs prompt \
  user assistant tool system reasoning_content reasoning_effort stop_token_ids; do
  echo "\"\\\"$word\\\"\""
done >words
printf '%s\n' '"<|EOT|>"' '"<|BOT|>"' '"<audio_patch>"' '"<tts_start>"' '"\\ud800"' '"1e999"' '"<think>"' >>words
./openai_fuzz -max_total_time="${FUZZ_SECONDS:-15}" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -dict=words corpus seeds >fuzz.log 2>&1 || { tail -n 60 fuzz.log; exit 1; }
tail -n 8 fuzz.log
