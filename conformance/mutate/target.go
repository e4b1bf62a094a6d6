package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	_ "embed"
)

// A target is a part of the module that is mutated, and the cases of the suite that must notice.
type target struct {
	dir   string   // of the sources, from the module root
	tests []string // of the package conformance, first those that usually notice
}

var targets = map[string]target{
	"frame":   {dir: "ref/frame", tests: []string{"^TestFramer$", "^TestPool$"}},
	"message": {dir: "ref/message", tests: []string{"^TestPool$"}},
	"pool":    {dir: "ref/pool", tests: []string{"^TestPool$"}},
	"worker":  {dir: "pyworker/src/pyproctest_worker", tests: []string{"^TestWorker$"}},
}

//go:embed pysource.py
var pySource string

// mutants lists all mutants of the target.
func (t target) mutants(root, python string) ([]mutant, error) {
	var all []mutant
	for _, ext := range []string{"go", "py"} {
		files, err := filepath.Glob(filepath.Join(root, t.dir, "*."+ext))
		if err != nil {
			return nil, err
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			list := goMutants
			if ext == "py" {
				list = func(file string, source []byte) ([]mutant, error) { return pyMutants(python, file, source) }
			}
			some, err := list(t.dir+"/"+filepath.Base(path), source)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

// pyMutants lists the mutants of a Python file, which Python's own ast finds.
func pyMutants(python, file string, source []byte) ([]mutant, error) {
	cmd := exec.Command(python, "-c", pySource)
	cmd.Stdin = bytes.NewReader(source)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs.Bytes())
	}
	var mutants []mutant
	if err := json.Unmarshal(out, &mutants); err != nil {
		return nil, err
	}
	return finish(file, source, mutants), nil
}
