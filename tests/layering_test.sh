#!/usr/bin/env bash
# layering_test.sh: shows that layering.sh finds every kind of offence, in a small tree made for it.
set -euo pipefail
layering=$(dirname "$(realpath "$0")")/layering.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fresh_tree() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree"/{include/stapes,src/{base,audio,text,engine,train,cli}}
  cat >"$tree/src/CMakeLists.txt" <<'CMAKE'
stapes_folder(base   LINKS fmt::fmt)
stapes_folder(audio  LINKS stapes_base)  # a comment (with brackets)
stapes_folder(text   LINKS stapes_base)
stapes_folder(engine
  LINKS stapes_audio
        stapes_text)
stapes_folder(train  LINKS stapes_engine)
CMAKE
  touch "$tree"/include/stapes/error.h
  for folder in base audio text engine train cli; do touch "$tree/src/$folder/a.h"; done
  echo '#include "base/a.h"' >"$tree/src/engine/a.cc"      # reached through audio
  echo '#include "stapes/error.h"' >"$tree/src/base/a.cc"  # everybody may
  echo '#include <torch/torch.h>' >"$tree/src/train/a.cc"
  echo '#include "train/a.h"' >"$tree/src/cli/train_main.cc"
}

expect_clean() {
  "$layering" "$tree" >/dev/null || { echo "a clean tree was refused"; "$layering" "$tree"; exit 1; }
}

# expect_offence FILE LINE-OF-CODE MESSAGE
expect_offence() {
  local report
  fresh_tree
  echo "$2" >>"$tree/$1"
  if report=$("$layering" "$tree"); then
    echo "not found: $2 in $1"
    exit 1
  fi
  [[ $report == *"$3"* ]] || { echo "wrong message for $2 in $1: $report"; exit 1; }
}

fresh_tree
expect_clean
expect_offence src/base/a.cc '#include "audio/a.h"' 'base may not include "audio/a.h"'
expect_offence src/audio/a.h '  #  include "text/a.h"' 'audio may not include "text/a.h"'
expect_offence src/audio/a.cc '#include "a.h"' 'src/a.h does not exist'
expect_offence src/audio/a.cc '#include "stapes/none.h"' 'include/stapes/none.h does not exist'
expect_offence src/engine/b.cc '#include <ATen/ATen.h>' 'libtorch (<ATen/ATen.h>) is for src/train alone'
expect_offence src/cli/ask.cc '#include "train/a.h"' 'only stapes-train'
expect_offence include/stapes/error.h '#include "base/a.h"' 'an installed header includes "base/a.h"'
expect_offence include/stapes/error.h '#include <fmt/format.h>' 'third-party <fmt/format.h>'
expect_offence src/CMakeLists.txt 'stapes_folder(world LINKS stapes_eval)' 'links eval, which is not declared above it'
echo "layering_test: all offences are found"
