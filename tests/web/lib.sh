# Sourced by the scripts of this folder.
# Exit status 1: failed, and that includes that something which the test needs is missing. A page that nobody has
# looked at is not a page that works, so nothing here is skipped.
set -euo pipefail

missing() {
  echo "FAILED: $1 (scripts/setup.sh test installs what is needed)" >&2
  exit 1
}

# needs_node: Node.js 18 or newer, and npm.
needs_node() {
  command -v node >/dev/null || missing "node is not installed"
  command -v npm >/dev/null || missing "npm is not installed"
  (($(node -p 'process.versions.node.split(".")[0]') >= 18)) || missing "expected Node.js 18 or newer, got $(node --version)"
}

# install_packages DIR: the packages of DIR/package-lock.json into DIR/node_modules, once for each lock file.
install_packages() {
  cd "$1"
  cmp -s package-lock.json node_modules/.installed-lock && return
  npm ci --ignore-scripts --prefer-offline --no-audit --no-fund || missing "npm could not fetch the packages of $1/package-lock.json"
  cp package-lock.json node_modules/.installed-lock
}
