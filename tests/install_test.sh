#!/bin/sh
# install_test.sh CMAKE BUILD_DIR: what `cmake --install` puts where, and that it works from there.
set -eux  # ctest shows it only when it fails
# As GoogleTest says it (scripts/run_tests lists the reasons); cmake writes install_manifest.txt there.
if ! test -w "$2"; then
  printf '%s: Skipped\nthe build directory belongs to another user\n' "$0"
  exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" --install "$2" --prefix "$dir" >"$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
rm "$dir.log"
find "$dir" -mindepth 1 ! -type d -printf '%P\n' | sort >"$dir.files"
printf 'bin/ctl\nbin/keeper\nbin/keeperctl\n' | diff - "$dir.files"
rm "$dir.files"
for program in keeper ctl keeperctl; do
  "$dir/bin/$program" --version | grep -q ' 0\.'
done
KEEPER_HOME=$dir/home
export KEEPER_HOME
"$dir/bin/keeper" -d --start-secs 0 -n installed -- sleep 1000 >/dev/null
"$dir/bin/keeperctl" stop installed >/dev/null
"$dir/bin/keeperctl" start installed >/dev/null   # finds keeper beside itself
"$dir/bin/keeperctl" stop installed >/dev/null
