package conformance

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed SPEC.md
var specText string

// SpecVersion names the set of clauses that a report speaks of. It changes when a clause is added or
// its meaning changes, so that a grown suite does not demote an unchanged implementation unseen.
const SpecVersion = "2"

// Role is what an implementation does in the protocol.
type Role string

// The roles that clauses bind.
const (
	RoleFramer Role = "framer"
	RoleWorker Role = "worker"
	RolePool   Role = "pool"
)

// Level is how strongly a clause binds, as in RFC 2119.
type Level string

// The levels of clauses.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Clause is one numbered rule of SPEC.md.
type Clause struct {
	Name       string // "FRM-7"; never reused and never moved to another rule
	Level      Level
	Optional   bool // the rule holds only where the thing is offered
	Roles      []Role
	Sentence   string
	Why        string // empty where no reader would ask
	Untestable string // why no case covers it; empty for all others
}

// Binds reports whether the clause is a rule for the role.
func (c Clause) Binds(role Role) bool { return slices.Contains(c.Roles, role) }

// Clauses returns the clauses of SPEC.md in the order of the text.
func Clauses() []Clause { return slices.Clone(parsedSpec().clauses) }

// LookUp returns the clause with that name.
func LookUp(name string) (Clause, bool) {
	for _, c := range parsedSpec().clauses {
		if c.Name == name {
			return c, true
		}
	}
	return Clause{}, false
}

type spec struct {
	clauses []Clause
	err     error
}

var parsedSpec = sync.OnceValue(func() spec {
	clauses, err := parseSpec(specText)
	return spec{clauses, err}
})

var (
	clauseLine = regexp.MustCompile(`^- \*\*([A-Z]{3}-[1-9][0-9]*)\*\* \((MUST|SHOULD)(, optional)?; ([a-z, ]+)\) (.+)$`)
	remarkLine = regexp.MustCompile(`^  \*(Why|Untestable):\* (.+)$`)
)

// parseSpec reads the clauses out of the text. It refuses what looks like a clause and is none, so
// that a typing error in SPEC.md cannot drop a rule in silence.
func parseSpec(text string) ([]Clause, error) {
	var clauses []Clause
	for i, line := range strings.Split(text, "\n") {
		if m := clauseLine.FindStringSubmatch(line); m != nil {
			c := Clause{Name: m[1], Level: Level(m[2]), Optional: m[3] != "", Sentence: m[5]}
			for role := range strings.SplitSeq(m[4], ", ") {
				switch r := Role(role); r {
				case RoleFramer, RoleWorker, RolePool:
					c.Roles = append(c.Roles, r)
				default:
					return nil, fmt.Errorf("SPEC.md:%d: clause %s binds %q, which is no role", i+1, c.Name, role)
				}
			}
			if slices.ContainsFunc(clauses, func(o Clause) bool { return o.Name == c.Name }) {
				return nil, fmt.Errorf("SPEC.md:%d: clause %s is there twice", i+1, c.Name)
			}
			clauses = append(clauses, c)
			continue
		}
		if strings.HasPrefix(line, "- **") && !strings.HasPrefix(line, "- **E") {
			return nil, fmt.Errorf("SPEC.md:%d: %q is no well-formed clause", i+1, line)
		}
		if m := remarkLine.FindStringSubmatch(line); m != nil && len(clauses) > 0 {
			last := &clauses[len(clauses)-1]
			if m[1] == "Why" {
				last.Why = m[2]
			} else {
				last.Untestable = m[2]
			}
		}
	}
	return clauses, nil
}
