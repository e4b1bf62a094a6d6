package conformance

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpecParses(t *testing.T) {
	require.NoError(t, parsedSpec().err)
	clauses := Clauses()
	require.NotEmpty(t, clauses)
	next := map[string]int{} // number within the family
	for _, c := range clauses {
		family, _, _ := strings.Cut(c.Name, "-")
		next[family]++
		require.Equal(t, fmt.Sprintf("%s-%d", family, next[family]), c.Name, "the clauses of a family are numbered without a gap, so that none is lost to a typing error")
		require.NotEmpty(t, c.Roles, c.Name)
		require.Regexp(t, `^[A-Z\x60].*\.$`, c.Sentence, "%s is one sentence", c.Name)
		found, ok := LookUp(c.Name)
		require.True(t, ok, c.Name)
		require.Equal(t, c, found)
	}
}

// A clause that comes, goes or changes its meaning makes another version.
func TestSpecVersionIsThatOfTheseClauses(t *testing.T) {
	require.Contains(t, specText, "\nVersion "+SpecVersion+",")
	require.Equal(t, "2: 118", fmt.Sprintf("%s: %d", SpecVersion, len(Clauses())), "version and number of clauses; SpecVersion says when it changes")
}

// Who edits a list of clauses that was handed out does not edit the specification.
func TestClausesAreTheCallers(t *testing.T) {
	Clauses()[0].Name = "XXX-1"
	require.Equal(t, "FRM-1", Clauses()[0].Name)
}

func TestSpecNamesOnlyClausesThatExist(t *testing.T) {
	names := regexp.MustCompile(`\b[A-Z]{2,4}-[0-9]+\b`).FindAllString(specText, -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		if name == "UTF-8" {
			continue
		}
		_, ok := LookUp(name)
		require.True(t, ok, "SPEC.md speaks of %s, which is no clause", name)
	}
}

func TestCasesCiteClausesOfTheirRole(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, c := range Cases() {
		where := fmt.Sprintf("%s case %s", c.Role, c.Name)
		require.Regexp(t, kebab, c.Name)
		require.NotEmpty(t, c.Clauses, where)
		require.NotEmpty(t, c.Cause, "%s says what usually causes a failure", where)
		require.NotContains(t, c.Cause, "\n", where)
		for _, name := range c.Clauses {
			clause, ok := LookUp(name)
			require.True(t, ok, "%s cites %s, which is no clause", where, name)
			require.True(t, clause.Binds(c.Role), "%s cites %s, which binds %v", where, name, clause.Roles)
			require.Empty(t, clause.Untestable, "%s cites %s, which is said to be untestable", where, name)
		}
		id := string(c.Role) + "/" + c.ID("")
		require.False(t, seen[id], "%s is there twice", id)
		seen[id] = true
	}
}

// Every clause is covered for each role that it binds, or says why it cannot be. This names those that
// are not.
func TestEveryClauseIsCovered(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range Cases() {
		for _, name := range c.Clauses {
			covered[string(c.Role)+" "+name] = true
		}
	}
	var missing []string
	for _, c := range Clauses() {
		for _, role := range c.Roles {
			if c.Untestable == "" && !covered[string(role)+" "+c.Name] {
				missing = append(missing, fmt.Sprintf("%s (%s, %s)", c.Name, c.Level, role))
			}
		}
	}
	require.Empty(t, missing, "no case covers\n%s", strings.Join(missing, "\n"))
}

func TestWellFormedClauses(t *testing.T) {
	clauses, err := parseSpec(strings.Join([]string{
		"# A title, and text that names FRM-1",
		"- **FRM-1** (MUST; framer) A frame is a frame.",
		"- **FRM-10** (SHOULD; framer, worker) A frame ends.",
		"  *Why:* nobody would read on.",
		"- **BPR-6** (MUST, optional; pool) A bound holds.",
		"  *Why:* it is a bound.",
		"  *Untestable:* it is out of reach.",
		"- **E1 — an erratum.** It is no clause.",
		"- a list",
	}, "\n"))
	require.NoError(t, err)
	require.Equal(t, []Clause{
		{Name: "FRM-1", Level: Must, Roles: []Role{RoleFramer}, Sentence: "A frame is a frame."},
		{Name: "FRM-10", Level: Should, Roles: []Role{RoleFramer, RoleWorker}, Sentence: "A frame ends.", Why: "nobody would read on."},
		{Name: "BPR-6", Level: Must, Optional: true, Roles: []Role{RolePool}, Sentence: "A bound holds.", Why: "it is a bound.", Untestable: "it is out of reach."},
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
		"no number":                   "- **FRM** (MUST; framer) A frame is a frame.",
		"number 0":                    "- **FRM-0** (MUST; framer) A frame is a frame.",
		"a number that begins with 0": "- **FRM-02** (MUST; framer) A frame is a frame.",
		"a name there twice":          "- **FRM-1** (MUST; framer) Another frame.",
	} {
		t.Run(broken, func(t *testing.T) {
			clauses, err := parseSpec("- **FRM-1** (MUST; framer) A frame is a frame.\n" + line)
			require.ErrorContains(t, err, "SPEC.md:2: ", "read as %+v", clauses)
		})
	}
}

// The worked example of SPEC.md says what its bytes say.
func TestWorkedExample(t *testing.T) {
	row := regexp.MustCompile(`(?m)^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} )+)  (.+)$`)
	var streams [][]byte
	for _, m := range row.FindAllStringSubmatch(specText, -1) {
		bytes, err := hex.DecodeString(strings.ReplaceAll(m[2], " ", ""))
		require.NoError(t, err)
		if m[1] == "0000" {
			streams = append(streams, nil)
		}
		last := &streams[len(streams)-1]
		require.Equal(t, fmt.Sprintf("%04x", len(*last)), m[1], "the offset of a row")
		*last = append(*last, bytes...)
	}
	messages := []string{`{"id":1,"method":"echo","body":"hi"}`, `{"id":1,"ok":true,"body":"hi"}`}
	require.Len(t, streams, len(messages))
	for i, message := range messages {
		frames, err := decodeAll(Enhanced, streams[i], defaultMaxPayload)
		require.NoError(t, err)
		require.Equal(t, []Frame{{ID: 1, Payload: []byte(message)}}, frames)
		require.Contains(t, specText, "`"+message+"`, "+fmt.Sprint(len(message))+" bytes")
	}

	basic := regexp.MustCompile("In the basic framing the same request is `([0-9a-f ]+)` and the same 36 bytes").FindStringSubmatch(specText)
	require.NotNil(t, basic)
	header, err := hex.DecodeString(strings.ReplaceAll(basic[1], " ", ""))
	require.NoError(t, err)
	require.Equal(t, slices.Concat(header, []byte(messages[0])), encode(Basic, 1, []byte(messages[0])))
}

// The numbers of the prose are those of the codec.
func TestSpecAndCodecAgreeOnNumbers(t *testing.T) {
	for _, text := range []string{
		fmt.Sprintf("an %d-byte header", enhancedHeader),
		fmt.Sprintf("whose length field is below %d", enhancedHeader),
		fmt.Sprintf("magic 0x%X 0x%X", magic0, magic1),
		fmt.Sprintf("`max_payload` is %d bytes", defaultMaxPayload),
	} {
		require.Contains(t, specText, text)
	}
	for _, kind := range kinds {
		require.Contains(t, specText, "`"+string(kind)+"`")
	}
}
