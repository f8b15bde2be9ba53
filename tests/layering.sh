#!/usr/bin/env bash
# layering.sh ROOT: checks every #include below ROOT/src and ROOT/include against the ladder.
# A folder may include itself and what its LINKS in src/CMakeLists.txt reach; include/stapes/ needs nothing else
# than itself and the standard library; libtorch is for src/train (and the train_*.cc of src/cli) alone.
# Prints one line for each offence; the exit status is 1 where there is any.
set -euo pipefail
cd "$1"

declare -A links   # folder -> the folders that it names
declare -A reach   # folder -> itself and all folders below it
offences=0

offend() {
  echo "layering: $*"
  offences=$((offences + 1))
}

read_ladder() {
  local folder words word
  while read -r folder words; do
    links[$folder]=""
    for word in $words; do
      [[ $word == stapes_* ]] && links[$folder]+=" ${word#stapes_}"
    done
  done < <(sed 's/#.*//' src/CMakeLists.txt | tr '\n' ' ' | grep -oE 'stapes_folder\([^)]*\)' |
    sed -E 's/stapes_folder\(|\)//g')
  ((${#links[@]})) || { echo "layering: found no stapes_folder() in src/CMakeLists.txt"; exit 1; }
}

# Folders are declared from the bottom up, so whatever a folder names was reached before it.
resolve_ladder() {
  local folder below deeper
  for folder in $(sed 's/#.*//' src/CMakeLists.txt | grep -oE 'stapes_folder\( *[a-z]+' | grep -oE '[a-z]+$'); do
    reach[$folder]=" $folder "
    for below in ${links[$folder]}; do
      if [[ -z ${reach[$below]:-} ]]; then
        offend "src/CMakeLists.txt: $folder links $below, which is not declared above it"
        continue
      fi
      for deeper in ${reach[$below]}; do
        [[ ${reach[$folder]} == *" $deeper "* ]] || reach[$folder]+="$deeper "
      done
    done
  done
}

check_quoted_include() {
  local file=$1 line=$2 header=$3 folder target
  if [[ $header == stapes/* ]]; then
    [[ -f include/$header ]] || offend "$file:$line: include/$header does not exist"
    return
  fi
  folder=${file#*/}
  folder=${folder%%/*}
  target=${header%%/*}
  if [[ $file == include/* ]]; then
    offend "$file:$line: an installed header includes \"$header\""
  elif [[ ! -f src/$header ]]; then
    offend "$file:$line: src/$header does not exist (includes are relative to src/)"
  elif [[ $folder == cli ]]; then
    [[ $target != train || $file == src/cli/train_* ]] ||
      offend "$file:$line: only stapes-train (src/cli/train_*.cc) may include \"$header\""
  elif [[ -z ${reach[$folder]:-} ]]; then
    offend "$file:$line: the folder $folder has no stapes_folder() in src/CMakeLists.txt"
  elif [[ ${reach[$folder]} != *" $target "* ]]; then
    offend "$file:$line: $folder may not include \"$header\" (its links reach:${reach[$folder]% })"
  fi
}

check_system_include() {
  local file=$1 line=$2 header=$3
  case $header in
    torch/* | ATen/* | c10/* | caffe2/*)
      [[ $file == src/train/* || $file == src/cli/train_* ]] ||
        offend "$file:$line: libtorch (<$header>) is for src/train alone"
      ;;
    */*)
      [[ $file != include/* || $header == stapes/* ]] ||
        offend "$file:$line: an installed header includes the third-party <$header>"
      ;;
  esac
}

read_ladder
resolve_ladder
while IFS=: read -r file line text; do
  [[ $text =~ [\"\<]([^\"\>]*) ]] && header=${BASH_REMATCH[1]}
  if [[ $text == *'"'* ]]; then
    check_quoted_include "$file" "$line" "$header"
  else
    check_system_include "$file" "$line" "$header"
  fi
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' src include --include='*.cc' --include='*.h')

((offences == 0)) && echo "layering: all includes follow the ladder"
exit $((offences > 0))
