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
	"maps"
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
	kept, err := keptHistory(dir)
	if err != nil {
		return err
	}
	before, now := map[string]said{}, map[string]said{}
	for name, content := range files {
		if old, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			vectors, err := saidBy(old)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			maps.Copy(before, vectors)
		}
		vectors, err := saidBy(content)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		maps.Copy(now, vectors)
	}
	continued, err := kept.continued(version, before, now)
	if err != nil {
		return err
	}
	if files["history.json"], err = continued.text(); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
