package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// An implementation is what one run of the suite said of one of them.
type implementation struct {
	Name     string                  `json:"name"`
	Version  string                  `json:"version"`
	Role     spec.Role               `json:"role"`
	Language string                  `json:"language"`
	Source   string                  `json:"source"` // a path in the repository
	Framing  string                  `json:"framing"`
	Date     string                  `json:"date"`
	By       string                  `json:"by"` // the version of pyproctest
	Clauses  string                  `json:"clauses_version"`
	System   string                  `json:"system"`
	Must     report.Count            `json:"must"`
	Should   report.Count            `json:"should"`
	States   map[string]report.State `json:"states"` // of each clause
}

//go:embed implementations.json
var implementationsFile []byte

func implementations() ([]implementation, error) {
	var all []implementation
	if err := json.Unmarshal(implementationsFile, &all); err != nil {
		return nil, fmt.Errorf("implementations.json: %w", err)
	}
	return all, nil
}

// measured says what is behind each report that make site-results writes, by the name of its file and, where a file has
// several runs, its role. Where Version is empty, it is the commit of the tree.
var measured = []struct {
	file string
	implementation
}{
	{"reference", implementation{Name: "ref/frame", Role: spec.RoleFramer, Language: "Go", Source: "ref/frame"}},
	{"c-framer", implementation{Name: "c-framer", Role: spec.RoleFramer, Language: "C", Source: "conformance/implementations/c-framer"}},
	{"java-framer", implementation{Name: "java-framer", Role: spec.RoleFramer, Language: "Java", Source: "conformance/implementations/java-framer"}},
	{"node-framer", implementation{Name: "node-framer", Role: spec.RoleFramer, Language: "JavaScript", Source: "conformance/implementations/node-framer"}},
	{"rust-framer", implementation{Name: "rust-framer", Role: spec.RoleFramer, Language: "Rust", Source: "conformance/implementations/rust-framer"}},
	{"reference", implementation{Name: "pyproctest-worker", Role: spec.RoleWorker, Language: "Python", Source: "pyworker"}},
	{"node-worker", implementation{Name: "node-worker", Role: spec.RoleWorker, Language: "JavaScript", Source: "conformance/implementations/node-worker"}},
	{"pyproc-worker", implementation{
		Name: "pyproc-worker", Version: "0.1.0 from PyPI", Role: spec.RoleWorker, Language: "Python", Framing: "basic", Source: "conformance/implementations/pyproc-worker",
	}},
	{"reference", implementation{Name: "ref/pool", Role: spec.RolePool, Language: "Go", Source: "ref/pool"}},
}

// writeImplementations condenses the reports into one file. Each that measured names must be there.
func writeImplementations(to, commit string, files []string) error {
	runs := map[string]report.Run{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		read, err := report.Read(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, run := range read {
			runs[strings.TrimSuffix(filepath.Base(file), ".json")+" "+string(run.Role)] = run
		}
	}
	var all []implementation
	for _, m := range measured {
		run, there := runs[m.file+" "+string(m.Role)]
		if !there {
			return fmt.Errorf("there is no report %s.json of a %s", m.file, m.Role)
		}
		all = append(all, m.of(run, commit))
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(text, '\n'), 0o644)
}

// of fills in what the run says. commit is that of the tree, which is the version of what is in it.
func (i implementation) of(run report.Run, commit string) implementation {
	if i.Version == "" {
		i.Version = "commit " + commit
	}
	if i.Framing == "" {
		i.Framing = "both"
	}
	i.Date, i.By, i.Clauses = run.Started.UTC().Format("2006-01-02"), "commit "+commit, run.Spec
	i.System = run.Environment.OS + "/" + run.Environment.Arch
	i.Must, i.Should, i.States = run.Count(spec.Must), run.Count(spec.Should), map[string]report.State{}
	for _, c := range run.Clauses() {
		i.States[c.Name] = c.State
	}
	return i
}

// Tone returns the class of a state in the style sheet of reports.
func tone(s report.State) string {
	switch s {
	case report.StateHolds:
		return "good"
	case report.StateViolated:
		return "bad"
	case report.StateNotHeld, report.StateKnown, report.StateBlocked, report.StateNotRun, report.StateUnsupported:
		return "warn"
	}
	return "none"
}

func mark(s report.State) string {
	return map[string]string{"good": "✓", "bad": "✗", "warn": "!", "none": "–"}[tone(s)]
}
