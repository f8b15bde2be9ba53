#!/usr/bin/env bash
# setup.sh [run|train|test]: installs the Debian packages that are missing, and does nothing where all are there.
#   run    what `stapes` needs to build and run (the default)
#   train  that and libtorch, for stapes-train
#   test   that and the test libraries; Node.js runs the reference tokenizer in the parity tests, and drives Chromium,
#          which shows the page; nginx stands before several servers
set -euo pipefail

goal=${1:-run}
packages=(
  g++ cmake ninja-build pkg-config ccache
  libfmt-dev libspdlog-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev
  libsndfile1-dev libsoxr-dev libkissfft-dev libpcre2-dev libutf8proc-dev libpng-dev libxxhash-dev
  libboost1.81-dev libssl-dev prometheus-cpp-dev
)
case $goal in
  run | train | test) ;;
  *)
    echo "setup: expected run, train or test, got '$goal'" >&2
    exit 64
    ;;
esac
# A libtorch of the user's own (Torch_DIR, as CMake's find_package reads it) takes the place of Debian's.
if [[ $goal != run && -z ${Torch_DIR:-} ]]; then
  # OpenBLAS by name: without it libtorch runs on the reference BLAS, some thirty times slower.
  packages+=(libtorch-dev libblas-dev libopenblas0-pthread libgloo-dev)
fi
if [[ $goal == test ]]; then
  packages+=(libgtest-dev libgmock-dev libbenchmark-dev curl openssl)
  # Any MPI will do to start several processes of stapes-train.
  command -v mpirun >/dev/null || packages+=(openmpi-bin)
  # The fuzz tests are built by clang; any that the user has will do.
  command -v clang++ >/dev/null || packages+=(clang)
  # Node.js often comes from elsewhere than Debian, so ask for the command and not for the package.
  command -v node >/dev/null || packages+=(nodejs)
  command -v npm >/dev/null || packages+=(npm)
  command -v curl >/dev/null || packages+=(curl)
  [[ -x /usr/sbin/nginx ]] || command -v nginx >/dev/null || packages+=(nginx)
  [[ -n ${CHROMIUM:-} ]] || command -v google-chrome >/dev/null || packages+=(chromium)
fi

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is not Debian or one of its kind, so nothing was installed;" \
    "the build needs what these Debian packages hold: ${packages[*]}" >&2
  exit 0
fi
missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    printf 'setup: these packages are missing, and installing them needs root or sudo:\n  %s\n' "${missing[*]}" >&2
    printf 'setup: ask an administrator for\n  apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 77
  fi
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
if [[ " ${missing[*]} " == *" nginx "* && -d /run/systemd/system ]]; then
  # The package starts a web server on port 80; the tests start their own, elsewhere.
  "${as_root[@]}" systemctl disable --quiet --now nginx
fi
