package suite

import (
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Info says what a case is called and what it covers.
type Info struct {
	// Name is stable: a case keeps it when others are added.
	Name string
	// Clauses are those whose violation the case can see. The case is named after the first.
	Clauses []string
	// Framings the case runs in, one after another; none where the framing plays no part.
	Framings []spec.Framing
	// NeedsBoth is set where the subject must speak both framings.
	NeedsBoth bool
	// Serial is set where the case counts goroutines or descriptors of this process, so that nothing may run
	// beside it.
	Serial bool
	// Cause is a sentence that says what usually causes a failure.
	Cause string
}

// Case is one test of the suite, for the role whose view of its subject is T. The fields are those of [Info]; Run
// runs the case.
type Case[T any] struct {
	Name      string
	Clauses   []string
	Framings  []spec.Framing
	NeedsBoth bool
	Serial    bool
	Cause     string
	Run       func(T)
}

// Info returns what the case is called and what it covers.
func (c Case[T]) Info() Info {
	return Info{Name: c.Name, Clauses: c.Clauses, Framings: c.Framings, NeedsBoth: c.NeedsBoth, Serial: c.Serial, Cause: c.Cause}
}

// Infos returns what the cases are called and what they cover.
func Infos[T any](cases []Case[T]) []Info {
	all := make([]Info, len(cases))
	for i, c := range cases {
		all[i] = c.Info()
	}
	return all
}

// BothFramings is for cases that run in both framings.
var BothFramings = []spec.Framing{spec.Enhanced, spec.Basic}

// ID is the name of the case in one framing: "FRM-7/length-17-is-refused/enhanced".
func (c Info) ID(framing spec.Framing) string {
	id := c.Clauses[0] + "/" + c.Name
	if framing != "" {
		id += "/" + string(framing)
	}
	return id
}

// Job is a case made ready to run against one implementation in one framing.
type Job struct {
	Info
	Framing spec.Framing
	Run     func(*T)
	// Known is set in place of Run where the case has run already. Its outcome is reported as it is.
	Known *result.Result
}

// Jobs makes a case ready once for each of its framings that is asked for.
func Jobs(c Info, o *Options, run func(*T)) []Job {
	if len(c.Framings) == 0 && selects(o.Asked, c, "") {
		return []Job{{Info: c, Run: run}}
	}
	var all []Job
	for _, f := range c.Framings {
		if slices.Contains(o.Framings, f) && selects(o.Asked, c, f) {
			all = append(all, Job{Info: c, Framing: f, Run: run})
		}
	}
	return all
}

// byClause orders cases as SPEC.md orders the clauses that they are named after.
func byClause(a, b Info) int {
	order := func(c Info) int {
		return slices.IndexFunc(spec.Clauses(), func(k spec.Clause) bool { return k.Name == c.Clauses[0] })
	}
	if d := order(a) - order(b); d != 0 {
		return d
	}
	return strings.Compare(a.Name, b.Name)
}
