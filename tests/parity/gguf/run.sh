#!/bin/sh
# run.sh SOURCE_DIR WORK_DIR STAPES MODEL: installs the reader into WORK_DIR, quantizes MODEL, and compares.
# Exit status 77: skipped, since node, npm or the network are missing.
set -eu
source_dir=$1
work_dir=$2
stapes=$3
model=$4

skip() {
  echo "SKIPPED: GGUF parity was NOT checked: $1" >&2
  exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "node is older than 20"
mkdir -p "$work_dir"
cd "$work_dir"
cp "$source_dir/package.json" "$source_dir/compare.mjs" .
if [ ! -d node_modules ] || ! cmp -s "$source_dir/package-lock.json" package-lock.json; then
  rm -rf node_modules package-lock.json
  cp "$source_dir/package-lock.json" package-lock.json
  npm ci --ignore-scripts --no-audit --no-fund || {
    rm -rf node_modules
    skip "npm could not fetch the packages of package-lock.json"
  }
fi
for type in q4_0 q4_k q8_0 bf16; do
  "$stapes" quantize "$model" $type.gguf --type $type --force --report $type.json >/dev/null
  node compare.mjs $type.gguf $type.json "$model"
done
