package conformance_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// A fault is a right implementation with one thing wrong, so that one clause does not hold. The suite must
// find it, and accuse that clause. A control is odd but right: it breaks none, and no clause may be accused.
type fault struct {
	clause  string   // empty for a control
	what    []string // is wrong, or odd
	perhaps []string // clauses that the same fault may break as well
	cases   []string // patterns of those that must catch it
	in      []conformance.Framing
	alone   bool // judged with nothing beside it
}

func breaks(clause string, what ...string) fault {
	return fault{clause: clause, what: what, cases: []string{clause}}
}

func odd(what ...string) fault { return fault{what: what} }

// andPerhaps names clauses that the same fault breaks as well, always or at times.
func (f fault) andPerhaps(clauses ...string) fault {
	f.perhaps = clauses
	return f
}

// caughtBy names the cases that must catch the fault, where others of its clause need not.
func (f fault) caughtBy(cases ...string) fault {
	f.cases = cases
	return f
}

// byItself has nothing run beside the fault, since it shows in time alone or takes much work to show.
func (f fault) byItself() fault {
	f.alone = true
	return f
}

func (f fault) inFraming(framings ...conformance.Framing) fault {
	f.in = framings
	return f
}

func (f fault) name() string {
	if len(f.what) == 0 {
		return "nothing odd"
	}
	return strings.Join(f.what, " + ")
}

// planted is a role with all its faults and controls.
type planted struct {
	role     spec.Role
	faults   []fault
	controls []fault
	// check runs the suite on a right implementation with these things wrong, or odd.
	check    func(ctx context.Context, what []string, opts ...conformance.Option) conformance.Report
	framings []conformance.Framing // that show a fault, unless it names its own
	patience time.Duration         // enough to be sure of a fault while others run beside it
}

func (p planted) all() []fault { return slices.Concat(p.faults, p.controls) }

var both = []conformance.Framing{conformance.Enhanced, conformance.Basic}

var allPlanted = []planted{
	{spec.RoleFramer, slices.Concat(framerFaults, blind(framerFaultsWrittenBlind)), framerControls, checkHabitualFramer, both, 5 * time.Second},
	{spec.RolePool, slices.Concat(poolFaults, blind(poolFaultsWrittenBlind)), poolControls, checkPlainPool, both[:1], 6 * time.Second},
	{spec.RoleWorker, slices.Concat(workerFaults, blind(workerFaultsWrittenBlind)), workerControls, checkPlantedWorker, both[:1], 5 * time.Second},
}

// judge runs the suite on a fault or a control, and tells what is wrong with its judgement: nothing, where
// the text is empty.
func (p planted) judge(ctx context.Context, f fault, opts ...conformance.Option) (conformance.Report, string) {
	framings, patience := p.framings, p.patience
	if f.in != nil {
		framings = f.in
	}
	if f.clause == "" { // nothing is wrong, so nobody waits for what never comes
		framings, patience = both, 30*time.Second
	}
	opts = append([]conformance.Option{conformance.Framings(framings...), conformance.Patience(patience)}, opts...)
	rep := p.check(ctx, f.what, opts...)
	return rep, f.misjudged(rep)
}

// misjudged tells what is wrong with the report on the fault or control: nothing, where the text is empty.
func (f fault) misjudged(rep conformance.Report) string {
	if f.clause != "" && len(kills(rep)[f.clause]) == 0 {
		return "the fault was not found by " + f.clause + "\n" + cmp.Or(f.misjudgedBeside(rep), told(rep))
	}
	wrong := f.misjudgedBeside(rep)
	for _, r := range rep.Results {
		if f.clause == "" && wrong == "" && r.Status != result.StatusPass {
			wrong = fmt.Sprintf("%s: %s\n%s", r.ID, r.Status, told(rep))
		}
	}
	return wrong
}

// misjudgedBeside is like misjudged for a report of cases that need not find the fault. A case of a control may be blocked.
func (f fault) misjudgedBeside(rep conformance.Report) string {
	var wrong []string
	for _, clause := range slices.Sorted(maps.Keys(kills(rep))) {
		if clause != f.clause && !slices.Contains(f.perhaps, clause) {
			wrong = append(wrong, clause+" was accused, which has nothing to do with it")
		}
	}
	for _, r := range rep.Results {
		// A case that found something may be held up by what it found, such as a Shutdown that never returns.
		if strings.Contains(r.Reason, "a bug of the suite") || len(r.Findings) == 0 && strings.Contains(r.Reason, "did not end within") {
			wrong = append(wrong, r.ID+": "+string(r.Status))
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return strings.Join(wrong, "\n") + "\n" + told(rep)
}

// kills are the cases that found something, by the clause that they accuse.
func kills(rep conformance.Report) map[string][]string {
	kills := map[string][]string{}
	for _, r := range rep.Results {
		for _, f := range r.Findings {
			if !slices.Contains(kills[f.Clause], r.ID) {
				kills[f.Clause] = append(kills[f.Clause], r.ID)
			}
		}
	}
	return kills
}

// told is what the report says of the first cases that are not green.
func told(rep conformance.Report) string {
	var b strings.Builder
	n := 0
	for _, r := range rep.Results {
		if r.Status != result.StatusPass {
			if n++; n <= 5 {
				b.WriteString(r.Text() + "\n")
			}
		}
	}
	if n > 5 {
		fmt.Fprintf(&b, "… and %d cases more that are not green\n", n-5)
	}
	return b.String() + strings.Join(rep.NotRun, "\n")
}
