#!/usr/bin/env bash
# make site-results: runs the suite on every implementation that the site shows, and keeps what came of it in
# implementations.json. Takes Go, python3, node, rustc, cc and javac.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
at=conformance/implementations
go build -buildvcs=true -o "$dir/pyproctest" ./conformance/cmd/pyproctest
# A run of a right implementation that a busy machine held up is run again: a page must not say of anybody what a machine did.
measure() { # NAME --ROLE COMMAND [FLAG…]
  name=$1 && shift
  for try in 1 2 3; do
    echo "$name, try $try"
    status=0
    "$dir/pyproctest" run "$@" --report "$dir/$name.json" >"$dir/$name.log" 2>&1 || status=$?
    [ $status != 0 ] || return 0
    [ $status != 1 ] || [ "$name" != pyproc-worker ] || return 0
  done
  cat "$dir/$name.log"
  exit 1
}
rustc -O --edition 2021 -o "$dir/rust" $at/rust-framer/adapter.rs
cc -std=c11 -O2 -pthread -o "$dir/c" $at/c-framer/framer.c $at/c-framer/adapter.c
javac -d "$dir" $at/java-framer/*.java
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $at/pyproc-worker/requirements.txt
measure node-framer --framer "node $at/node-framer/adapter.mjs"
measure rust-framer --framer "$dir/rust"
measure c-framer --framer "$dir/c"
measure java-framer --framer "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xlog:disable -Xlog:all=warning:stderr -cp $dir Adapter" --parallel 2
measure node-worker --worker "node $at/node-worker/worker.mjs"
measure pyproc-worker --worker "$dir/venv/bin/python $at/pyproc-worker/worker.py" --framing basic
for try in 1 2 3; do
  echo "reference, try $try"
  ! go test ./conformance -count=1 -run '^Test(Framer|Worker|Pool)$' -parallel 4 -summary "$dir/reference.json" >"$dir/reference.log" || break
done
go run ./conformance/site -collect "$dir"/*.json
