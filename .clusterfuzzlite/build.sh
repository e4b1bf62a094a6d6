#!/bin/bash -eu
# Builds the targets of package fuzz for libFuzzer, each with its seeds, into $OUT. ClusterFuzzLite runs
# it in its builder image, and check.sh anywhere else. It changes the checkout: run it in a copy.

cd "$SRC/pyproctest"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What adapts the targets replaces a file of Go's own, which must not lie among the modules: there go
# puts the toolchain that go.mod asks for, where the image has an older one.
goroot=$(go env GOROOT)
if [[ $goroot == "$(go env GOMODCACHE)"* ]]; then
  cp -r "$goroot/." "$work/goroot"
  chmod -R u+w "$work/goroot"
  export GOROOT="$work/goroot" GOTOOLCHAIN=local PATH="$work/goroot/bin:$PATH"
fi

# The adapter on the image was built by the image's Go and may not understand a newer one's library.
adapter=github.com/AdamKorcz/go-118-fuzz-build
version=${FUZZ_ADAPTER_VERSION:-fc5dc53b9db8a38c394c53d6e439a1410cf8fc19}
mkdir "$work/adapter"
(
  cd "$work/adapter"
  go mod init adapter
  go get "$adapter@$version" golang.org/x/tools@v0.51.0
  go build -o go-118-fuzz-build_v2 "$adapter"
)
export PATH="$work/adapter:$PATH"

# The adapted targets import its package in the place of testing.
printf 'package fuzz\n\nimport _ "%s/testing"\n' "$adapter" > fuzz/adapted.go
go get "$adapter/testing@$version"
go mod tidy

PYPROCTEST_SEEDS="$work/seeds" go test -count=1 -run '^Fuzz' ./fuzz
for target in $(sed -n 's/^func \(Fuzz[A-Za-z]*\)(f \*testing\.F).*/\1/p' fuzz/targets_test.go); do
  compile_native_go_fuzzer_v2 github.com/pyproctest/pyproctest/fuzz "$target" "$target"
  (cd "$work/seeds/$target" && python3 -m zipfile -c "$OUT/${target}_seed_corpus.zip" ./*)
done
