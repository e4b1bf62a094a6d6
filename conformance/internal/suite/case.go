package suite

import (
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Info is the name of a case and what it covers.
type Info struct {
	// Name never changes, also when other cases are added.
	Name string
	// Clauses are those whose violation the case can detect. The case is named after the first.
	Clauses []string
	// Framings are those that the case runs in, one after another; none if the framing plays no part.
	Framings []spec.Framing
	// NeedsBoth is set if the subject must speak both framings.
	NeedsBoth bool
	// Serial is set if the case counts goroutines or descriptors of this process, so that no other case may run at
	// the same time.
	Serial bool
	// Early is set if the case waits longer than others where the subject is wrong, so that it had better begin before
	// them.
	Early bool
	// Late is set if the case computes for long, so that it had better begin after others, which may have to wait.
	Late bool
	// Long is set if the case does so much work that a slow machine, or a subject behind an adapter, needs minutes for it.
	// It must itself give up when its subject no longer goes on.
	Long bool
	// Cause is a sentence that says what the implementer probably did when the case fails.
	Cause string
}

// Case is one test of the suite. T is what the cases of its role get to work with. The fields are those of [Info]; Run
// runs the case.
type Case[T any] struct {
	Name      string
	Clauses   []string
	Framings  []spec.Framing
	NeedsBoth bool
	Serial    bool
	Early     bool
	Late      bool
	Long      bool
	Cause     string
	Run       func(T)
}

// Info returns the name of the case and what it covers.
func (c Case[T]) Info() Info {
	return Info{Name: c.Name, Clauses: c.Clauses, Framings: c.Framings, NeedsBoth: c.NeedsBoth, Serial: c.Serial, Early: c.Early, Late: c.Late, Long: c.Long, Cause: c.Cause}
}

// Infos returns the names of the cases and what they cover.
func Infos[T any](cases []Case[T]) []Info {
	all := make([]Info, len(cases))
	for i, c := range cases {
		all[i] = c.Info()
	}
	return all
}

// BothFramings is for cases that run in both framings.
var BothFramings = []spec.Framing{spec.Enhanced, spec.Basic}

// ID returns the name of the case in one framing: "FRM-7/enhanced-length-17/enhanced".
func (c Info) ID(framing spec.Framing) string {
	id := c.Clauses[0] + "/" + c.Name
	if framing != "" {
		id += "/" + string(framing)
	}
	return id
}

// inOrder compares cases by the order in which they run: the early ones, the others by clause, and the late ones.
func inOrder(a, b Info) int {
	if d := a.rank() - b.rank(); d != 0 {
		return d
	}
	return byClause(a, b)
}

func (c Info) rank() int {
	switch {
	case c.Early:
		return 0
	case c.Late:
		return 2
	}
	return 1
}

// byClause compares cases by the clause that they are named after, in the order of SPEC.md, and then by name.
func byClause(a, b Info) int {
	order := func(c Info) int {
		return slices.IndexFunc(spec.Clauses(), func(k spec.Clause) bool { return k.Name == c.Clauses[0] })
	}
	if d := order(a) - order(b); d != 0 {
		return d
	}
	return strings.Compare(a.Name, b.Name)
}
