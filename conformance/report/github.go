package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// annotationsShown is how many annotations of one kind GitHub shows of one step.
const annotationsShown = 10

// Annotations writes workflow commands that have GitHub show the clauses that do not hold beside the code: an error for each
// that fails the run, a warning for each other one. Of more than GitHub shows, the last one says how many are left out.
func Annotations(w io.Writer, runs ...Run) error {
	var failing, others []string
	for _, r := range runs {
		r = r.presentable()
		if r.Verdict() == NotRun {
			failing = append(failing, annotation("error", r.File, capital(r.name())+": "+r.title(), r.sentence()))
			continue
		}
		for _, g := range r.groups() {
			if g.kind >= excused {
				continue
			}
			title := fmt.Sprintf("%s %s: %s", g.name(), g.kind, r.name())
			about := g.cases[0].ID + "\n" + sentenceOf(g.clauses[0]) + "\n" + g.cases[0].headline()
			if held := g.cases[0].HeldText(); held != "" {
				about += "\n" + held
			}
			if n := len(g.cases) - 1; n > 0 {
				about += "\nand " + text.Plural(n, "more case")
			}
			if r.fails(g.cases[0]) && (g.kind != should || r.Strict) {
				failing = append(failing, annotation("error", r.File, title, about))
			} else {
				others = append(others, annotation("warning", r.File, title, about))
			}
		}
		if r.Known != nil {
			for _, p := range r.Known.Problems {
				failing = append(failing, annotation("error", r.Known.File, "known-failing list", p.Error()))
			}
		}
	}
	var b strings.Builder
	for _, list := range [][]string{failing, others} {
		for i, line := range list {
			if i == annotationsShown-1 && len(list) > annotationsShown {
				level, _, _ := strings.Cut(line, " ")
				fmt.Fprintf(&b, "%s title=And %d more::The summary of the job and the report have them all.\n", level, len(list)-i)
				break
			}
			b.WriteString(line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// annotation returns one workflow command.
func annotation(level, file, title, message string) string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	where := ""
	if file != "" {
		where = "file=" + property.Replace(file) + ",line=1,"
	}
	return fmt.Sprintf("::%s %stitle=%s::%s\n", level, where, property.Replace(title), data.Replace(message))
}

// Outputs writes the verdict and the counts of the runs together as the outputs of a GitHub step, one a line. With several
// runs the verdict is the worst.
func Outputs(w io.Writer, runs ...Run) error {
	var must, should Count
	cases, failed, flaky := 0, 0, 0
	worst := Holds
	for _, r := range runs {
		for level, sum := range map[spec.Level]*Count{spec.Must: &must, spec.Should: &should} {
			n := r.Count(level)
			sum.Hold += n.Hold
			sum.Violated += n.Violated
			sum.Known += n.Known
			sum.Unknown += n.Unknown
		}
		cases, failed, flaky = cases+len(r.Results), failed+len(r.Failed()), flaky+len(r.flaky())
		if v := r.Verdict(); v.rank() > worst.rank() {
			worst = v
		}
	}
	if len(runs) == 0 {
		worst = NotRun
	}
	_, err := fmt.Fprintf(w, "verdict=%s\nmust-hold=%d\nmust-violated=%d\nmust-known-failing=%d\nmust-unknown=%d\nshould-hold=%d\nshould-violated=%d\ncases=%d\nfailed=%d\nflaky=%d\n",
		worst, must.Hold, must.Violated, must.Known, must.Unknown, should.Hold, should.Violated, cases, failed, flaky)
	return err
}

// rank orders the verdicts, the best first.
func (v Verdict) rank() int {
	for i, other := range []Verdict{Holds, Known, Stale, Unknown, Violated, NotRun} {
		if v == other {
			return i
		}
	}
	return 0
}
