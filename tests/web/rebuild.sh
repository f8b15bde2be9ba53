#!/usr/bin/env bash
# rebuild.sh SOURCE_TREE WORK_DIR: checks and builds the pages anew in WORK_DIR, with the packages of its lock file. What
# comes out must be what is in the repository, byte for byte: nobody can change the one without the other.
source "$(dirname "$0")/lib.sh"
source_tree=$1
work=$2

needs_node
mkdir -p "$work/web"
find "$work/web" -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
tar -C "$source_tree/web" --exclude=./node_modules --exclude=./dist --exclude=./dist-report --exclude=./csp.txt -cf - . | tar -C "$work/web" -xf -
rm -rf "$work/samples"
cp -R "$source_tree/samples" "$work/samples"
install_packages "$work/web"

npm run --silent check
npm run --silent test
npm run --silent build
diff -r "$source_tree/web/dist" "$work/web/dist" && diff "$source_tree/web/csp.txt" "$work/web/csp.txt" &&
  diff -rq "$source_tree/web/dist-report" "$work/web/dist-report" || {
  echo "FAILED: web/dist or web/dist-report is not what web/ builds to: run 'npm ci && npm run build' in web/, and commit the result" >&2
  exit 1
}
