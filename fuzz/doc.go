// Package fuzz holds the fuzz targets that bring ref/, conformance/ and pyworker/ together. Each
// target is one check: a function of an implementation and of what the fuzzer made up, which returns
// what is wrong. So the same check runs on the reference under `go test -fuzz`, on the reference
// built for libFuzzer (.clusterfuzzlite), and on broken implementations in this package's tests.
//
//	make fuzz BUDGET=5m                         # all targets of the module share five minutes
//	go test ./fuzz -run '^$' -fuzz '^FuzzDecodeRaw$'
//
// Every target begins with the golden vectors. What a run finds is written to testdata/fuzz, where
// every later `go test` runs it again. The properties beside the targets begin with what peers really
// send instead.
//
// The clauses named in brackets, such as [STR-4], are those of conformance/SPEC.md.
package fuzz
