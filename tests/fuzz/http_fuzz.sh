#!/usr/bin/env bash
# http_fuzz.sh SOURCE WORK: builds the fuzzer with clang and runs it for FUZZ_SECONDS (15 without).
# Exit status 77: skipped, since clang or its fuzzer is missing. Bytes that break the reader are left in WORK.
set -euo pipefail
source=$1 work=$2

skip() {
  echo "SKIPPED: the bytes of HTTP connections were NOT fuzzed: $1" >&2
  exit 77
}

command -v clang++ >/dev/null || skip "clang is not installed"
mkdir -p "$work/corpus" "$work/seeds"
cd "$work"
read -ra includes < <(pkg-config --cflags fmt spdlog)
read -ra links < <(pkg-config --libs fmt spdlog)
# Without checks of every pointer it compiles in two thirds of the time: of null pointers and of what lies outside of an
# object the address sanitizer tells, too.
flags=(-std=c++20 -O1 -gline-tables-only -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
  -fno-sanitize=null,alignment,vptr,object-size
  -I "$source/include" -I "$source/src" "${includes[@]}")
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' >probe.cc
clang++ "${flags[@]}" probe.cc -o probe 2>probe.log || skip "clang has no libFuzzer ($(head -n 1 probe.log))"

compiler=(clang++)
if command -v ccache >/dev/null; then compiler=(ccache clang++); fi
# One translation unit: most of a file's time is that of templates.
for file in "$source"/tests/fuzz/http_fuzz.cc "$source"/src/base/{check,error,file,memory_pages}.cc \
  "$source"/src/serve/{api_keys,cors,error_replies,request_gate,router}.cc \
  "$source"/src/serve/http/{reply_bytes,request_reader}.cc "$source"/src/serve/openai/request_error.cc; do
  echo "#include \"$file\""
done >http.cc
"${compiler[@]}" "${flags[@]}" -c http.cc -o http.o
clang++ "${flags[@]}" http.o "${links[@]}" -o http_fuzz

# Requests of the kinds that there are; the first three bytes choose the pieces.
seed() { printf "$2" >"seeds/$1"; }
seed get '123GET /v1/models/x?y=z HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer key\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n'
seed post '456POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello'
seed chunked '789POST /tokenize HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nt: u\r\n\r\nGET / HTTP/1.0\r\n\r\n'
seed extension '789POST /tokenize HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na4;a="\r\nhello\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n'
seed cors '!!!OPTIONS /tokenize HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: a, b\r\n\r\n'
seed odd 'xyzOPTIONS * HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\r\n'
for word in 'HTTP/1.1\x0d\x0a' 'Content-Length: ' 'Transfer-Encoding: chunked' 'Host: ' 'http://' 'Origin: ' \
  'Connection: ' 'keep-alive' '\x0d\x0a\x0d\x0a' '0\x0d\x0a' 'Content-Encoding: ' 'x-request-id: '; do
  echo "\"$word\""
done >words
./http_fuzz -max_total_time="${FUZZ_SECONDS:-15}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -dict=words corpus seeds >fuzz.log 2>&1 || { tail -n 60 fuzz.log; exit 1; }
tail -n 8 fuzz.log
