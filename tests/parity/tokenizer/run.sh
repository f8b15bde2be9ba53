#!/bin/sh
# run.sh SOURCE_DIR WORK_DIR TOKENIZER_PROBE: installs the reference into WORK_DIR and compares.
# Exit status 77: skipped, since node, npm or the network are missing.
set -eu
source_dir=$1
work_dir=$2
probe=$3

skip() {
  echo "SKIPPED: tokenizer parity was NOT checked: $1" >&2
  exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "node is older than 20"
mkdir -p "$work_dir"
cd "$work_dir"
cp "$source_dir/package.json" "$source_dir/corpus.mjs" "$source_dir/compare.mjs" .
if [ ! -d node_modules ] || ! cmp -s "$source_dir/package-lock.json" package-lock.json; then
  rm -rf node_modules package-lock.json
  cp "$source_dir/package-lock.json" package-lock.json
  npm ci --ignore-scripts --no-audit --no-fund || {
    rm -rf node_modules
    skip "npm could not fetch the packages of package-lock.json"
  }
fi
exec node compare.mjs "$probe" "$source_dir/../../golden/bpe_corpus.txt"
