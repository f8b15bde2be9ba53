#!/usr/bin/env bash
# browser.sh SOURCE_TREE WORK_DIR: drives the page of a real server in Chromium.
#   STAPES         the program           ENDLESS_MODEL   a model that never ends its answer (tests/e2e/make_model)
#   CHROMIUM       the browser; the default is the one in PATH
#   SCREENSHOTS    a folder: pictures of the page are written there
source "$(dirname "$0")/lib.sh"
source_tree=$1
work=$2
: "${STAPES:?}" "${ENDLESS_MODEL:?}"

needs_node
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v google-chrome || true)}
[[ -n $CHROMIUM ]] || missing "chromium is not installed"
mkdir -p "$work"
# Beside the tests' copy stand the packages, so that Node.js finds them.
rm -rf "$work/browser"
cp -R "$source_tree/tests/web/browser" "$source_tree/tests/web/package.json" "$source_tree/tests/web/package-lock.json" "$work"
install_packages "$work"

export CHROMIUM SOURCE=$source_tree
# One file after the other: a browser and a server are enough for a small machine.
for file in "$work"/browser/*.test.mjs; do
  node --test --test-reporter=spec "$file"
done
