package conformance

import (
	"slices"
	"strings"
)

// Case describes one test of the suite: what it is called and which clauses it covers.
type Case struct {
	// Name is stable: a case keeps it when others are added.
	Name string
	// Clauses are those whose violation the case can see, first the one it is named after.
	Clauses []string
	// Framings the case runs in, one after another; none where the framing plays no part.
	Framings []Framing
	// Serial is set where the case counts goroutines or descriptors of this process, so that nothing
	// may run beside it.
	Serial bool
	// Cause says what usually causes a failure, for the person who has to mend it.
	Cause string
}

var bothFramings = []Framing{Enhanced, Basic}

// ID is the name of the case in one framing: "FRM-7/length-17-is-refused/enhanced".
func (c Case) ID(framing Framing) string {
	id := c.Clauses[0] + "/" + c.Name
	if framing != "" {
		id += "/" + string(framing)
	}
	return id
}

// job is a case made ready to run against one implementation in one framing.
type job struct {
	Case
	framing Framing
	run     func(*T)
}

// jobs makes a case ready once for each of its framings that is asked for.
func jobs(c Case, o *options, run func(*T)) []job {
	if len(c.Framings) == 0 && selects(o.asked, c, "") {
		return []job{{c, "", run}}
	}
	var all []job
	for _, f := range c.Framings {
		if slices.Contains(o.framings, f) && selects(o.asked, c, f) {
			all = append(all, job{c, f, run})
		}
	}
	return all
}

// CaseInfo names a case and what it covers.
type CaseInfo struct {
	Role Role
	Case
}

// Cases lists every case of the suite.
func Cases() []CaseInfo {
	var all []CaseInfo
	for _, c := range framerCases() {
		all = append(all, CaseInfo{RoleFramer, c.Case})
	}
	for _, c := range workerCases() {
		all = append(all, CaseInfo{RoleWorker, c.Case})
	}
	for _, c := range poolCases() {
		all = append(all, CaseInfo{RolePool, c.Case})
	}
	return all
}

// byClause orders cases as SPEC.md orders the clauses that they are named after.
func byClause(a, b Case) int {
	order := func(c Case) int {
		return slices.IndexFunc(Clauses(), func(k Clause) bool { return k.Name == c.Clauses[0] })
	}
	if d := order(a) - order(b); d != 0 {
		return d
	}
	return strings.Compare(a.Name, b.Name)
}
