package suite

import (
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Case describes one test of the suite: what it is called and which clauses it covers.
type Case struct {
	// Name is stable: a case keeps it when others are added.
	Name string
	// Clauses are those whose violation the case can see, first the one it is named after.
	Clauses []string
	// Framings the case runs in, one after another; none where the framing plays no part.
	Framings []spec.Framing
	// Serial is set where the case counts goroutines or descriptors of this process, so that nothing
	// may run beside it.
	Serial bool
	// Cause says what usually causes a failure, for the person who has to mend it.
	Cause string
}

var BothFramings = []spec.Framing{spec.Enhanced, spec.Basic}

// ID is the name of the case in one framing: "FRM-7/length-17-is-refused/enhanced".
func (c Case) ID(framing spec.Framing) string {
	id := c.Clauses[0] + "/" + c.Name
	if framing != "" {
		id += "/" + string(framing)
	}
	return id
}

// Job is a case made ready to run against one implementation in one framing.
type Job struct {
	Case
	framing spec.Framing
	Run     func(*T)
}

// Jobs makes a case ready once for each of its framings that is asked for.
func Jobs(c Case, o *Options, run func(*T)) []Job {
	if len(c.Framings) == 0 && selects(o.Asked, c, "") {
		return []Job{{c, "", run}}
	}
	var all []Job
	for _, f := range c.Framings {
		if slices.Contains(o.Framings, f) && selects(o.Asked, c, f) {
			all = append(all, Job{c, f, run})
		}
	}
	return all
}

// byClause orders cases as SPEC.md orders the clauses that they are named after.
func byClause(a, b Case) int {
	order := func(c Case) int {
		return slices.IndexFunc(spec.Clauses(), func(k spec.Clause) bool { return k.Name == c.Clauses[0] })
	}
	if d := order(a) - order(b); d != 0 {
		return d
	}
	return strings.Compare(a.Name, b.Name)
}
