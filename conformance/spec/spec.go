package spec

import (
	"slices"
	"strconv"
)

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
	Since      int  // the first version of SPEC.md that has it
	Roles      []Role
	Sentence   string
	Why        string   // empty where no reader would ask
	Untestable string   // why no case covers it; empty for all others
	Changes    []Change // by versions after Since, the oldest first
}

// Change is what a version of SPEC.md changed in a clause that was there before.
type Change struct {
	Version int
	What    string // a sentence
}

// ChangedSince returns what versions after the given one changed in the clause.
func (c Clause) ChangedSince(version int) []Change {
	var later []Change
	for _, change := range c.Changes {
		if change.Version > version {
			later = append(later, change)
		}
	}
	return later
}

// Binds reports whether the clause is a rule for the role.
func (c Clause) Binds(role Role) bool { return slices.Contains(c.Roles, role) }

// In reports whether a version of SPEC.md has the clause, such as "2". The empty version is the newest.
func (c Clause) In(version string) bool {
	n, err := strconv.Atoi(version)
	return err != nil || c.Since <= n
}

// Versions returns the versions of SPEC.md that a run can judge by, the newest last.
func Versions() []string {
	newest, _ := strconv.Atoi(Version)
	var all []string
	for v := 1; v <= newest; v++ {
		all = append(all, strconv.Itoa(v))
	}
	return all
}

// Clauses returns the clauses of SPEC.md in the order of the text.
func Clauses() []Clause { return slices.Clone(clauses) }

// LookUp returns the clause with that name.
func LookUp(name string) (Clause, bool) {
	for _, c := range clauses {
		if c.Name == name {
			return c, true
		}
	}
	return Clause{}, false
}
