// Command gen writes the clauses of SPEC.md as Go, for package spec.
//
// It reads conformance/SPEC.md, which is where clauses are written, and writes conformance/spec/clauses.go. Run it by
// make generate; a test fails while the two differ. It imports package spec alone.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	in := flag.String("in", "../SPEC.md", "the specification")
	out := flag.String("out", "clauses.go", "the Go file to write")
	flag.Parse()
	if err := generate(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(in, out string) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	source, err := clausesFile(string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(out, source, 0o644)
}
