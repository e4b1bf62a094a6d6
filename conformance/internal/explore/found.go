package explore

import (
	"fmt"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Found is a failure that was confirmed, and the shortest history that shows it.
type Found struct {
	History  History
	Failure  Failure
	Events   []result.Event // of the last run of it
	From     int            // steps before it was shrunk
	Attempts int            // runs that shrinking took
	File     string         // where it was saved; empty if it was not

	steps []string // in the words of the protocol
	bytes []string // annotated; empty for steps that send nothing
}

// describe keeps the steps in words.
func (f *Found) describe(s Subject) {
	f.steps, f.bytes = nil, nil
	for _, step := range f.History.Steps {
		f.steps = append(f.steps, s.Describe(step))
		dump := ""
		if data, framing := s.Bytes(f.History, step); len(data) > 0 {
			const rows = 6
			dump = wire.Dump(framing, data[:min(len(data), 512)], len(data), rows)
		}
		f.bytes = append(f.bytes, dump)
	}
}

// Result returns the failure in the form of the suite's results, with the history as its timeline.
func (f Found) Result() result.Result {
	c, _ := spec.LookUp(f.Failure.Clause)
	status := result.StatusFail
	if c.Level == spec.Should {
		status = result.StatusShould
	}
	r := result.Result{
		ID: f.Failure.Clause + "/explored-" + f.Failure.Rule, Clauses: []string{f.Failure.Clause}, Status: status,
		Findings: []result.Finding{f.Failure.finding()},
	}
	if with := f.History.Options.Words(); with != "" {
		r.Timeline = append(r.Timeline, result.Event{Where: "subject", Note: "made with " + with})
	}
	for i, step := range f.steps {
		r.Timeline = append(r.Timeline, result.Event{Where: fmt.Sprintf("step %d", i+1), Note: step})
	}
	r.Timeline = append(r.Timeline, f.Events...)
	for _, e := range f.Events {
		r.Elapsed = max(r.Elapsed, e.At)
	}
	return r
}

// Text shows the failure: the clause, the steps with their bytes, what was expected and what came.
func (f Found) Text() string {
	var b strings.Builder
	c, _ := spec.LookUp(f.Failure.Clause)
	fmt.Fprintf(&b, "%s (%s) %s\n", c.Name, c.Level, c.Sentence)
	fmt.Fprintf(&b, "  broken in %d of %d runs; %s", f.History.Failed.Times, f.History.Failed.Of, text.Plural(len(f.steps), "step"))
	if f.Attempts > 0 {
		fmt.Fprintf(&b, " (from %d), %s", f.From, text.Plural(f.Attempts, "attempt"))
		if f.History.Minimal {
			b.WriteString(", minimal")
		} else {
			b.WriteString(", not minimal")
		}
	}
	fmt.Fprintf(&b, "; rule %s\n", f.Failure.Rule)
	if with := f.History.Options.Words(); with != "" {
		fmt.Fprintf(&b, "  made with %s\n", with)
	}
	for i, step := range f.steps {
		fmt.Fprintf(&b, "  %3d  %s\n", i+1, text.Output(step))
		b.WriteString(text.Indent(f.bytes[i], "         "))
	}
	const hanging = "            "
	fmt.Fprintf(&b, "  expected: %s\n", text.Hang(text.Output(f.Failure.Want), hanging))
	fmt.Fprintf(&b, "  got:      %s\n", text.Hang(text.Output(f.Failure.Got), hanging))
	b.WriteString(text.Indent(f.Failure.Dump, "    "))
	if f.File != "" {
		fmt.Fprintf(&b, "  replay:   --replay %s\n", f.File)
	}
	return text.Defuse(b.String())
}

// Report returns what was found in the form of the suite's reports. A clause that was exercised and not broken holds as far
// as this run can tell; those that were not exercised are not asked for.
func (s Summary) Report(version string) result.Report {
	r := result.Report{Role: s.Role, Subject: s.Subject, Spec: version, Started: time.Now().Add(-s.Elapsed), Elapsed: s.Elapsed}
	broken := map[string]bool{}
	for _, f := range s.Failures {
		r.Results = append(r.Results, f.Result())
		broken[f.Failure.Clause] = true
		r.Asked.Covering = append(r.Asked.Covering, f.Failure.Clause)
	}
	for _, c := range s.Exercised {
		clause, ok := spec.LookUp(c)
		if ok && clause.Binds(s.Role) && !broken[c] {
			r.Results = append(r.Results, result.Result{ID: c + "/explored", Clauses: []string{c}, Status: result.StatusPass})
			r.Asked.Covering = append(r.Asked.Covering, c)
		}
	}
	r.NotRun = append(r.NotRun, s.Unconfirmed...)
	if missed := s.Unreached(); len(missed) > 0 {
		r.NotRun = append(r.NotRun, "clauses that no history reached: "+strings.Join(missed, ", "))
	}
	return r
}

// Unreached returns the clauses of the role that no history exercised, those left out that cannot be tested.
func (s Summary) Unreached() (all []string) {
	reached := map[string]bool{}
	for _, c := range s.Exercised {
		reached[c] = true
	}
	for _, f := range s.Failures {
		reached[f.Failure.Clause] = true
	}
	for _, c := range spec.Clauses() {
		if c.Binds(s.Role) && c.Untestable == "" && !reached[c.Name] {
			all = append(all, c.Name)
		}
	}
	return all
}

// Line says in one line what a run reached.
func (p Progress) Line() string {
	histories := "1 history"
	if p.Histories != 1 {
		histories = fmt.Sprintf("%d histories", p.Histories)
	}
	line := fmt.Sprintf("%s, %s, %s of what came, %s exercised, %d found", histories, text.Plural(p.Steps, "step"),
		text.Plural(p.Kinds, "kind"), text.Plural(len(p.Exercised), "clause"), p.Found)
	if p.Doing != "" {
		line += "; " + p.Doing
	}
	return fmt.Sprintf("%v: %s", p.Elapsed.Round(time.Second), line)
}
