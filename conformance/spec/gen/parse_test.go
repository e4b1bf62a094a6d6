package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

// specText is conformance/SPEC.md.
func specText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../SPEC.md")
	require.NoError(t, err)
	return string(text)
}

// The clauses of package spec are those of SPEC.md.
func TestClausesAreGenerated(t *testing.T) {
	want, err := clausesFile(specText(t))
	require.NoError(t, err)
	got, err := os.ReadFile("../clauses.go")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "SPEC.md has changed: run make generate")
}

func TestSpecParses(t *testing.T) {
	clauses := spec.Clauses()
	require.NotEmpty(t, clauses)
	next := map[string]int{} // number within the family
	for _, c := range clauses {
		family, _, _ := strings.Cut(c.Name, "-")
		next[family]++
		require.Equal(t, fmt.Sprintf("%s-%d", family, next[family]), c.Name, "the clauses of a family are numbered without a gap, so that none is lost to a typing error")
		require.NotEmpty(t, c.Roles, c.Name)
		require.Regexp(t, `^[A-Z\x60].*\.$`, c.Sentence, "%s is one sentence", c.Name)
		found, ok := spec.LookUp(c.Name)
		require.True(t, ok, c.Name)
		require.Equal(t, c, found)
	}
}

// A version has clauses of its own: the last clause to come came with it.
func TestVersionIsThatOfTheNewestClauses(t *testing.T) {
	newest := 0
	for _, c := range spec.Clauses() {
		newest = max(newest, c.Since)
		for _, change := range c.Changes {
			require.LessOrEqual(t, strconv.Itoa(change.Version), spec.Version, c.Name)
		}
	}
	require.Equal(t, spec.Version, strconv.Itoa(newest))
}

func TestSpecNamesOnlyClausesThatExist(t *testing.T) {
	names := regexp.MustCompile(`\b[A-Z]{2,4}-[0-9]+\b`).FindAllString(specText(t), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		if name == "UTF-8" {
			continue
		}
		_, ok := spec.LookUp(name)
		require.True(t, ok, "SPEC.md speaks of %s, which is no clause", name)
	}
}

func TestWellFormedClauses(t *testing.T) {
	clauses, err := parse(strings.Join([]string{
		"# A title, and text that names FRM-1",
		"- **FRM-1** (MUST; framer) A frame is a frame.",
		"- **FRM-10** (SHOULD; framer, worker; since 3) A frame ends.",
		"  *Why:* nobody would read on.",
		"- **BPR-6** (MUST, optional; pool) A bound holds.",
		"  *Why:* it is a bound.",
		"  *Untestable:* it is out of reach.",
		"- **E1 — an erratum.** It is no clause.",
		"- a list",
		"- **FRM-1** (changed in 2) It says less.",
		"- **FRM-1** (changed in 3) It says more.",
	}, "\n"))
	require.NoError(t, err)
	require.Equal(t, []spec.Clause{
		{Name: "FRM-1", Level: spec.Must, Since: 1, Roles: []spec.Role{spec.RoleFramer}, Sentence: "A frame is a frame.",
			Changes: []spec.Change{{Version: 2, What: "It says less."}, {Version: 3, What: "It says more."}}},
		{Name: "FRM-10", Level: spec.Should, Since: 3, Roles: []spec.Role{spec.RoleFramer, spec.RoleWorker}, Sentence: "A frame ends.", Why: "nobody would read on."},
		{Name: "BPR-6", Level: spec.Must, Optional: true, Since: 1, Roles: []spec.Role{spec.RolePool}, Sentence: "A bound holds.", Why: "it is a bound.", Untestable: "it is out of reach."},
	}, clauses)
}

func TestMalformedClausesAreRefused(t *testing.T) {
	for broken, line := range map[string]string{
		"a level that is none":        "- **FRM-2** (MAY; framer) A frame is a frame.",
		"a level in small letters":    "- **FRM-2** (must; framer) A frame is a frame.",
		"no level":                    "- **FRM-2** (framer) A frame is a frame.",
		"no role":                     "- **FRM-2** (MUST) A frame is a frame.",
		"an empty list of roles":      "- **FRM-2** (MUST; ) A frame is a frame.",
		"a role that is none":         "- **FRM-2** (MUST; reader) A frame is a frame.",
		"a comma too much":            "- **FRM-2** (MUST; framer,) A frame is a frame.",
		"roles without a space":       "- **FRM-2** (MUST; framer,worker) A frame is a frame.",
		"an empty role":               "- **FRM-2** (MUST; framer, , worker) A frame is a frame.",
		"a colon for the semicolon":   "- **FRM-2** (MUST: framer) A frame is a frame.",
		"optional misspelt":           "- **FRM-2** (MUST, optionally; framer) A frame is a frame.",
		"no brackets":                 "- **FRM-2** MUST; framer: A frame is a frame.",
		"no sentence":                 "- **FRM-2** (MUST; framer)",
		"a family in small letters":   "- **frm-2** (MUST; framer) A frame is a frame.",
		"a family of two letters":     "- **FR-2** (MUST; framer) A frame is a frame.",
		"a family of four letters":    "- **FRAM-2** (MUST; framer) A frame is a frame.",
		"since the first version":     "- **FRM-2** (MUST; framer; since 1) A frame is a frame.",
		"since no version":            "- **FRM-2** (MUST; framer; since) A frame is a frame.",
		"no number":                   "- **FRM** (MUST; framer) A frame is a frame.",
		"number 0":                    "- **FRM-0** (MUST; framer) A frame is a frame.",
		"a number that begins with 0": "- **FRM-02** (MUST; framer) A frame is a frame.",
		"a change of no clause":       "- **FRM-2** (changed in 3) It says more.",
		"a change by the first":       "- **FRM-1** (changed in 1) It says more.",
		"a change that says nothing":  "- **FRM-1** (changed in 3)",
		"a name there twice":          "- **FRM-1** (MUST; framer) Another frame.",
	} {
		t.Run(broken, func(t *testing.T) {
			clauses, err := parse("- **FRM-1** (MUST; framer) A frame is a frame.\n" + line)
			require.ErrorContains(t, err, "SPEC.md:2: ", "read as %+v", clauses)
		})
	}
}
