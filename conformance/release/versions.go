package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// newest returns the version and the text of the first section of CHANGELOG.md.
func newest(changelog string) (version, body string, err error) {
	parts := regexp.MustCompile(`(?m)^## `).Split(changelog, 3)
	if len(parts) < 2 {
		return "", "", errors.New(`CHANGELOG.md: there is no section "## VERSION, date"`)
	}
	heading, body, _ := strings.Cut(parts[1], "\n")
	m := regexp.MustCompile(`^(\d+\.\d+\.\d+), (.+)$`).FindStringSubmatch(heading)
	if m == nil {
		return "", "", fmt.Errorf(`CHANGELOG.md: "## %s" is not headed by a version and a date, as in "## 0.1.0, 2026-11-30"`, heading)
	}
	return m[1], strings.TrimSpace(body) + "\n", nil
}

// modules are the Go modules beside the main one that others import. Each needs a tag of its own, MODULE/vX.Y.Z.
var modules = []string{"ref/pool/poolprometheus", "ref/pool/poolotel"}

// versions compares the versions that the tree has, and the tag if there is one.
func (r release) versions(context.Context, *environment) error {
	read := func(name, pattern string) (string, error) {
		text, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		m := regexp.MustCompile(pattern).FindSubmatch(text)
		if m == nil {
			return "", fmt.Errorf("%s: there is no version in it", name)
		}
		return string(m[1]), nil
	}
	text, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	version, body, err := newest(string(text))
	if err != nil {
		return err
	}
	worker, err := read("pyworker/src/pyproctest_worker/__init__.py", `(?m)^__version__ = "(.+)"$`)
	citation, citationErr := read("CITATION.cff", `(?m)^version: (.+)$`)
	clauses, clausesErr := read("conformance/SPEC.md", `(?m)^Version (\d+),`)
	vectors, vectorsErr := read("vectors/enhanced.json", `(?m)^  "version": "(.+)",$`)
	if err := errors.Join(err, citationErr, clausesErr, vectorsErr); err != nil {
		return err
	}
	named := map[string]string{"pyworker's __init__.py": worker, "CITATION.cff": citation}
	for _, module := range modules { // whose users get the pool at the version that is required
		file := module + "/go.mod"
		if named[file], err = read(file, `(?m)^\tgithub\.com/pyproctest/pyproctest v(\S+)$`); err != nil {
			return err
		}
	}
	var wrong []error
	for where, got := range named {
		if got != version {
			wrong = append(wrong, fmt.Errorf("%s has the version %s, and the newest section of CHANGELOG.md %s", where, got, version))
		}
	}
	if want := fmt.Sprintf("Clauses version %s, vectors %s.", clauses, vectors); !strings.Contains(body, want) {
		wrong = append(wrong, fmt.Errorf("the section %s of CHANGELOG.md does not say %q", version, want))
	}
	if r.tag != "" && r.tag != "v"+version {
		wrong = append(wrong, fmt.Errorf("the tag is %s, and the newest section of CHANGELOG.md %s", r.tag, version))
	}
	if r.tag != "" && !regexp.MustCompile(`(?m)^## `+regexp.QuoteMeta(version)+`, \d{4}-\d\d-\d\d$`).Match(text) {
		wrong = append(wrong, fmt.Errorf("the section %s of CHANGELOG.md has no date: put it in the place of the words behind the version", version))
	}
	return errors.Join(wrong...)
}
