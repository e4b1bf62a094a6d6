package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// failure is a case that did not pass.
type failure struct {
	result.Result
	kind   kind
	excuse *known.Entry // in the known-failing list; nil if there is none
}

// kind is the kind of a failure. The first kind matters most to a reader.
type kind int

const (
	violation   kind = iota // of a MUST
	blocked                 // nothing is known
	unsupported             // a MUST that is not implemented
	should                  // a SHOULD does not hold
	excused                 // by the known-failing list
	optional                // not offered, which is fine
)

func (k kind) String() string {
	return [...]string{"violated", "blocked", "not supported", "SHOULD not held", "known failing", "not offered"}[k]
}

// failures returns the cases that did not pass, in the order of the results. The first finding of each clause comes
// before all other findings, so that no clause is lost when some are left out.
func (r Run) failures() []failure {
	var all []failure
	for _, res := range r.Results {
		if res.Status == result.StatusPass {
			continue
		}
		f := failure{Result: res, kind: kindOf(res)}
		f.Findings = firstOfEachFirst(f.Findings)
		if r.Known != nil {
			if e, ok := r.Known.Excuses(res.ID); ok {
				f.kind, f.excuse = excused, &e
			}
		}
		all = append(all, f)
	}
	return all
}

func firstOfEachFirst(findings []result.Finding) []result.Finding {
	var first, others []result.Finding
	for _, f := range findings {
		if slices.ContainsFunc(first, func(o result.Finding) bool { return o.Clause == f.Clause }) {
			others = append(others, f)
		} else {
			first = append(first, f)
		}
	}
	return append(first, others...)
}

// group holds the failures of one kind that count against one clause. A case that found several clauses violated is in
// the group of each, with its findings about that clause. Cases without findings, which could not be run, are grouped by
// their reason instead.
type group struct {
	kind    kind
	clauses []string // more than one only if reason is set
	reason  string
	cases   []failure
}

// groups returns the groups, first those of the kind that matters most. Within a kind the clauses that explain others come
// first, and those that are not violated in the order of SPEC.md.
func (r Run) groups() []group {
	var all []group
	add := func(k kind, clause, reason string, f failure) {
		i := slices.IndexFunc(all, func(g group) bool {
			return g.kind == k && g.reason == reason && (reason != "" || g.clauses[0] == clause)
		})
		if i < 0 {
			i = len(all)
			all = append(all, group{kind: k, reason: reason})
		}
		if !slices.Contains(all[i].clauses, clause) {
			all[i].clauses = append(all[i].clauses, clause)
		}
		all[i].cases = append(all[i].cases, f)
	}
	for _, f := range r.failures() {
		if len(f.Findings) == 0 {
			add(f.kind, f.namedAfter(), f.Reason, f)
			continue
		}
		for _, clause := range clausesOf(f.Findings) {
			k, part := f.kind, f
			if k == violation && levelOf(clause) == spec.Should {
				k = should
			}
			part.Findings = slices.DeleteFunc(slices.Clone(f.Findings), func(o result.Finding) bool { return o.Clause != clause })
			add(k, clause, "", part)
		}
	}
	place := r.places()
	inOrder := func(a, b string) int { return cmp.Compare(place[a], place[b]) }
	for _, g := range all {
		slices.SortStableFunc(g.clauses, inOrder)
		slices.SortStableFunc(g.cases, func(a, b failure) int { return cmp.Compare(a.beside(g), b.beside(g)) })
	}
	slices.SortStableFunc(all, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), inOrder(a.clauses[0], b.clauses[0]))
	})
	return all
}

// places returns the place of each clause in the order in which failures are shown.
func (r Run) places() map[string]int {
	cases := map[string]int{}
	for _, f := range r.failures() {
		for _, clause := range clausesOf(f.Findings) {
			cases[clause]++
		}
	}
	place := map[string]int{}
	for i, name := range result.MostTellingFirst(cases) {
		place[name] = i
	}
	for i, c := range spec.Clauses() {
		if cases[c.Name] == 0 {
			place[c.Name] = len(cases) + i
		}
	}
	return place
}

// sortByPlace sorts clauses in the order in which failures are shown.
func sortByPlace(clauses []Clause, place map[string]int) {
	slices.SortStableFunc(clauses, func(a, b Clause) int { return cmp.Compare(place[a.Name], place[b.Name]) })
}

// beside returns 0 for a case that is named after the clause of its group, 1 for one that covers it, and 2 for one that
// found it violated by chance.
func (f failure) beside(g group) int {
	switch {
	case f.namedAfter() == g.clauses[0]:
		return 0
	case slices.Contains(f.Clauses, g.clauses[0]):
		return 1
	}
	return 2
}

// name returns the clauses of the group, or the first of them if there are many.
func (g group) name() string {
	const named = 6
	if n := len(g.clauses) - named; n > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(g.clauses[:named], ", "), n)
	}
	return strings.Join(g.clauses, ", ")
}

// clausesOf returns the clauses that the findings name, each once.
func clausesOf(findings []result.Finding) []string {
	var names []string
	for _, f := range findings {
		if !slices.Contains(names, f.Clause) {
			names = append(names, f.Clause)
		}
	}
	return names
}

func levelOf(clause string) spec.Level {
	c, _ := spec.LookUp(clause)
	return c.Level
}

// namedAfter returns the clause that the case is named after.
func (f failure) namedAfter() string {
	name, _, _ := strings.Cut(f.ID, "/")
	return name
}

// fails reports whether the failure keeps the run from succeeding.
func (r Run) fails(f failure) bool {
	switch f.kind {
	case violation:
		return true
	case should, blocked, unsupported: // if the case covers a MUST too, that MUST is not known to hold
		return r.Strict || bindsMust(f.Clauses)
	}
	return false
}

func bindsMust(clauses []string) bool {
	return slices.ContainsFunc(clauses, func(name string) bool { return levelOf(name) == spec.Must })
}

func kindOf(r result.Result) kind {
	switch r.Status {
	case result.StatusFail:
		return violation
	case result.StatusShould:
		return should
	case result.StatusNotAsked:
		return optional
	case result.StatusUnsupported:
		must := slices.ContainsFunc(r.Clauses, func(name string) bool {
			c, _ := spec.LookUp(name)
			return c.Level == spec.Must && !c.Optional
		})
		if must {
			return unsupported
		}
		return optional
	}
	return blocked
}

// unexplained returns the MUST clauses that were asked for and of which no case says anything, although the run came to
// its end. In a strict run it returns such SHOULD clauses too.
func (r Run) unexplained() []Clause {
	if r.Verdict() == NotRun || r.Interrupted {
		return nil
	}
	var all []Clause
	for _, c := range r.Clauses() {
		if c.State == StateNotRun && (c.Level == spec.Must || r.Strict) {
			all = append(all, c)
		}
	}
	return all
}

// headline returns in one line what is wrong.
func (f failure) headline() string {
	if len(f.Findings) == 0 {
		return fmt.Sprintf("%s: %s", f.kind, clipLine(f.Reason, lineKept))
	}
	first := f.Findings[0]
	return fmt.Sprintf("%s: expected %s; got %s", first.Clause, clipLine(first.Want, lineKept), clipLine(first.Got, lineKept))
}
