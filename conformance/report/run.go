package report

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// Run is one run of the suite against one implementation, and what a reader needs to judge and repeat it.
type Run struct {
	result.Report
	Environment Environment
	Rerun       Rerun
	// Known is what a known-failing list says about the run; nil without a list.
	Known *known.Outcome
	// Explored is what an exploration reached, in one line; empty for a run of cases.
	Explored string
	// Strict is set if a SHOULD that does not hold fails the run.
	Strict bool
	// Signalled is set if a signal ended the run before everything that was asked for had run.
	Signalled bool
	// File is a file of the implementation, relative to the folder in which the run began; empty if none is known. Services
	// that show results beside the code show them there.
	File string
	// Notes are remarks that are not failures, such as what an adapter wrote to standard error.
	Notes []string
}

// Environment is where a run took place.
type Environment struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPUs    int    `json:"cpus"` // how many the run could use
	Go      string `json:"go"`
	Version string `json:"version"` // of pyproctest, from its build information
}

// Here returns the environment of this process.
func Here() Environment {
	return Environment{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0), Go: runtime.Version(), Version: version(),
	}
}

const module = "github.com/pyproctest/pyproctest"

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				text += " " + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return text
}

// Rerun is how to repeat a run, as argument lists; either may be empty.
type Rerun struct {
	All []string `json:"all"`
	// One repeats a single case: append the ID of the case as the last argument.
	One []string `json:"one"`
}

// all returns the command that repeats the run, to be pasted into a shell.
func (r Rerun) all() string { return shell(r.All) }

// one returns the command that repeats a single case; empty if it is not known.
func (r Rerun) one(id string) string {
	if len(r.One) == 0 {
		return ""
	}
	return shell(append(r.One[:len(r.One):len(r.One)], id))
}

// shell quotes an argument list for a shell.
func shell(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word == "" || strings.ContainsFunc(word, special) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return clean(strings.Join(quoted, " "), textKept)
}

// special reports whether the character may have a meaning for a shell.
func special(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@%+", c))
}

// name returns what was run, in a few words: "worker pyproc-worker, basic framing". A run of cases and an exploration have
// different names, since neither says what the other does.
func (r Run) name() string {
	name := fmt.Sprintf("%s %s", r.Role, r.Subject)
	if len(r.Asked.Framings) == 1 {
		name += fmt.Sprintf(", %s framing", r.Asked.Framings[0])
	}
	if r.Explored != "" {
		name += ", explored"
	}
	return name
}
