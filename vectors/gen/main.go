// Command gen writes the golden vectors.
//
//	go run ./vectors/gen -dir vectors
//
// It has an encoder of its own, written from conformance/SPEC.md, and takes
// nothing from the reference or the suite: a mistake of theirs cannot get into
// what they are checked against. Each generator spoils one thing.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "vectors", "folder to write the files to")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
