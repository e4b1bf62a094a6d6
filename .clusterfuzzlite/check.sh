#!/bin/bash -eu
# Builds every target by build.sh without the builder image, and runs each on its seeds. Needs a C
# compiler. With clang the targets are libFuzzer's, as in the image; without, they only run their seeds.
cd "$(dirname "$0")/.."
here=$PWD/.clusterfuzzlite
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SRC="$work/src" OUT="$work/out" CGO_ENABLED=1 PATH="$here:$PATH"
mkdir -p "$SRC/pyproctest" "$OUT"
git ls-files -z | xargs -0 tar c | tar x -C "$SRC/pyproctest"
# The image has a second version of the adapter, which module proxies do not have. The first adapts in
# much the same way, and makes other arguments of a file.
export FUZZ_ADAPTER_VERSION=v0.0.0-20250520111509-a70c2aa677fa PYPROCTEST_SEEDS_FOR=v1
bash "$here/build.sh" > "$work/log" 2>&1 || { tail -50 "$work/log"; exit 1; }
for seeds in "$OUT"/*_seed_corpus.zip; do
  target=${seeds%_seed_corpus.zip}
  mkdir "$work/seeds"
  python3 -m zipfile -e "$seeds" "$work/seeds"
  (cd "$work" && "$target" seeds/* > output 2>&1) || { tail -50 "$work/output"; exit 1; }
  echo "$(basename "$target"): built, and $(find "$work/seeds" -type f | wc -l) seeds run"
  rm -r "$work/seeds"
done
