package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/vectors"
)

// vectorDiff is what became of the vectors since an older version or copy. Each is by clause and name.
type vectorDiff struct {
	from, to                string
	same                    int
	added, changed, removed []vectorLine
}

type vectorLine struct{ clause, name, comment string }

// writeVectorDiff writes what changed since old, which is a version of the vectors or a folder with a copy of them.
func writeVectorDiff(w io.Writer, old string) error {
	now, err := readCopy(vectors.FS)
	if err != nil {
		return err
	}
	var d vectorDiff
	if isVersion.MatchString(old) {
		d, err = sinceVersion(old, now)
	} else {
		d, err = sinceCopy(old, now)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, d.text())
	return err
}

var isVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// sinceVersion adds up what history.json says of all later versions.
func sinceVersion(old string, now vectorCopy) (vectorDiff, error) {
	versions, err := vectors.Versions()
	if err != nil {
		return vectorDiff{}, err
	}
	at := slices.IndexFunc(versions, func(v vectors.Version) bool { return v.Version == old })
	if at < 0 {
		var all []string
		for _, v := range versions {
			all = append(all, v.Version)
		}
		return vectorDiff{}, fmt.Errorf("--diff %s: there is no such version: give one of %s, or a folder with an older copy", old, strings.Join(all, ", "))
	}
	added, changed, removed := map[string]string{}, map[string]string{}, map[string]string{}
	put := func(into map[string]string, from map[string][]string) {
		for clause, names := range from {
			for _, name := range names {
				into[name] = clause
			}
		}
	}
	for _, v := range versions[at+1:] {
		put(added, v.Added)
		put(changed, v.Changed)
		put(removed, v.Removed)
	}
	d := vectorDiff{from: "version " + old, to: now.version}
	for name, clause := range removed {
		if _, new := added[name]; !new {
			d.removed = append(d.removed, vectorLine{clause, name, ""})
		}
	}
	for name := range now.tests {
		_, new := added[name]
		_, other := changed[name]
		switch line := now.line(name); {
		case new:
			d.added = append(d.added, line)
		case other:
			d.changed = append(d.changed, line)
		default:
			d.same++
		}
	}
	return d, nil
}

// sinceCopy compares the files of a folder with those of this build.
func sinceCopy(folder string, now vectorCopy) (vectorDiff, error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return vectorDiff{}, fmt.Errorf("--diff %s: give a version such as 1.0, or a folder with an older copy of the vectors, which is not here", folder)
	}
	old, err := readCopy(os.DirFS(folder))
	if err != nil {
		return vectorDiff{}, fmt.Errorf("--diff %s: %w", folder, err)
	}
	d := vectorDiff{from: fmt.Sprintf("%s, version %s", folder, old.version), to: now.version}
	for name := range old.tests {
		if _, still := now.tests[name]; !still {
			d.removed = append(d.removed, old.line(name))
		}
	}
	for name, test := range now.tests {
		before, there := old.tests[name]
		switch line := now.line(name); {
		case !there:
			d.added = append(d.added, line)
		case !reflect.DeepEqual(judged(before), judged(test)):
			d.changed = append(d.changed, line)
		default:
			d.same++
		}
	}
	return d, nil
}

// judged is what a vector says to a program, without what it says to a person.
func judged(test map[string]any) map[string]any {
	test = maps.Clone(test)
	for _, field := range []string{"comment", "clause", "flags", "text"} {
		delete(test, field)
	}
	return test
}

// vectorCopy is a folder of vectors, read without regard to what this build knows of their fields.
type vectorCopy struct {
	version string
	tests   map[string]map[string]any // by name
}

func (c vectorCopy) line(name string) vectorLine {
	clause, _ := c.tests[name]["clause"].(string)
	comment, _ := c.tests[name]["comment"].(string)
	return vectorLine{clause, name, comment}
}

func readCopy(files fs.FS) (vectorCopy, error) {
	c := vectorCopy{tests: map[string]map[string]any{}}
	for _, name := range []string{"enhanced.json", "basic.json", "streams.json", "messages.json"} {
		data, err := fs.ReadFile(files, name)
		if errors.Is(err, fs.ErrNotExist) {
			return c, fmt.Errorf("there is no %s: give the folder that has the files of the vectors", name)
		}
		if err != nil {
			return c, err
		}
		var document struct {
			Version string
			Tests   []map[string]any
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&document); err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
		c.version = document.Version
		for _, test := range document.Tests {
			name, _ := test["tcId"].(string)
			c.tests[name] = test
		}
	}
	return c, nil
}

func (d vectorDiff) text() string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		lines []vectorLine
	}{
		{"Added", d.added},
		{"Changed: other bytes or another verdict", d.changed},
		{"Removed", d.removed},
	} {
		if len(part.lines) == 0 {
			continue
		}
		slices.SortFunc(part.lines, func(a, b vectorLine) int {
			return strings.Compare(a.clause+" "+a.name, b.clause+" "+b.name)
		})
		fmt.Fprintf(&b, "%s:\n", part.title)
		for _, l := range part.lines {
			fmt.Fprintf(&b, "  %-7s %s", l.clause, l.name)
			if l.comment != "" {
				fmt.Fprintf(&b, ": %s", l.comment)
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "From %s to version %s: %s added, %d changed, %d removed; %d the same.\n",
		d.from, d.to, text.Plural(len(d.added), "vector"), len(d.changed), len(d.removed), d.same)
	return b.String()
}
