package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A history says which vectors came with which version. It is kept in history.json, and each run of the generator
// continues it: what is there is never written anew.
type history struct {
	Schema      string         `json:"$schema"`
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	Description string         `json:"description"`
	Versions    []versionSteps `json:"versions"` // the newest last
}

// versionSteps are the names of vectors by clause.
type versionSteps struct {
	Version string              `json:"version"`
	Added   map[string][]string `json:"added"`
	Changed map[string][]string `json:"changed,omitempty"` // given other bytes or another verdict
	Removed map[string][]string `json:"removed,omitempty"`
}

// A said is what a vector says: its clause, and all of its fields but those for human readers.
type said struct{ clause, content string }

// continued returns the history with the vectors that there are now. before is what the files of the last run say. It
// returns an error for a change that the version does not allow.
func (h history) continued(version string, before, now map[string]said) (history, error) {
	h.Schema, h.Name, h.Version = "schema.json", "history", version
	h.Description = "Which vectors came with which version, by clause."
	h.Versions = slices.Clone(h.Versions)
	last := len(h.Versions) - 1
	if last < 0 || h.Versions[last].Version != version {
		if last >= 0 && !newer(version, h.Versions[last].Version) {
			return h, fmt.Errorf("version %s in files.go is older than %s, which history.json has", version, h.Versions[last].Version)
		}
		h.Versions = append(h.Versions, versionSteps{Version: version, Added: map[string][]string{}})
		last++
	}
	step := &h.Versions[last]
	step.Added = maps.Clone(step.Added)

	there, own := map[string]string{}, map[string]bool{} // the clause of each vector, and which came with this version
	for _, s := range h.Versions {
		for clause, names := range s.Added {
			for _, name := range names {
				there[name], own[name] = clause, s.Version == version
			}
		}
		for _, names := range s.Removed {
			for _, name := range names {
				delete(there, name)
			}
		}
	}
	breaks := last == 0 || major(version) != major(h.Versions[last-1].Version)
	for _, name := range slices.Sorted(maps.Keys(there)) {
		vector, still := now[name]
		switch {
		case own[name]: // put in its place below, if it is still there
			step.Added[there[name]] = without(step.Added[there[name]], name)
			if len(step.Added[there[name]]) == 0 {
				delete(step.Added, there[name])
			}
		case !still && !breaks:
			return h, fmt.Errorf("%s is gone: raise the first number of version in files.go, or keep the vector", name)
		case !still:
			step.Removed = with(step.Removed, there[name], name)
		case before[name].content == "" || before[name].content == vector.content:
		case !breaks:
			return h, fmt.Errorf("%s says something else than before: raise the first number of version in files.go, or add a vector", name)
		default:
			step.Changed = with(step.Changed, vector.clause, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, old := there[name]; !old || own[name] {
			step.Added = with(step.Added, now[name].clause, name)
		}
	}
	return h, nil
}

func (h history) text() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(h)
	return out.Bytes(), err
}

// keptHistory reads history.json of the folder; it is empty where there is none.
func keptHistory(dir string) (history, error) {
	var h history
	text, err := os.ReadFile(filepath.Join(dir, "history.json"))
	if errors.Is(err, os.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		return h, fmt.Errorf("history.json: %w", err)
	}
	return h, nil
}

// saidBy returns what each vector of a file says, by its name.
func saidBy(file []byte) (map[string]said, error) {
	var document struct{ Tests []map[string]any }
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	all := map[string]said{}
	for _, test := range document.Tests {
		name, _ := test["tcId"].(string)
		clause, _ := test["clause"].(string)
		for _, forReaders := range []string{"comment", "clause", "flags", "text"} {
			delete(test, forReaders)
		}
		content, err := json.Marshal(test)
		if err != nil {
			return nil, err
		}
		all[name] = said{clause, string(content)}
	}
	return all, nil
}

func with(all map[string][]string, clause, name string) map[string][]string {
	if all == nil {
		all = map[string][]string{}
	}
	all[clause] = append(without(all[clause], name), name)
	slices.Sort(all[clause])
	return all
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// newer reports whether version a comes after b; both are "major.minor".
func newer(a, b string) bool {
	if major(a) != major(b) {
		return major(a) > major(b)
	}
	return minor(a) > minor(b)
}

func major(version string) int {
	text, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(text)
	return n
}

func minor(version string) int {
	_, text, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(text)
	return n
}
