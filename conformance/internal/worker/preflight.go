package worker

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// preflightResult is what the preflight found out about the worker.
type preflightResult struct {
	framings []spec.Framing // to run cases in; empty when no case can be run
	result   result.Result
	notRun   []string // what the run leaves out, and why
}

// preflight starts the worker once and finds out whether cases can be run, so that a worker that cannot be tested gets one
// clear error and not one for each case. It sets the subject of the report to the command line if no subject is set.
func (r *run) preflight(ctx context.Context, o *suite.Options) preflightResult {
	if o.Subject == "" {
		o.Subject = r.command.String()
	}
	var pre preflightResult
	found := startsCase().Info()
	spoken := make(chan []spec.Framing, 1)
	pre.result = suite.RunJob(ctx, suite.Job{Info: found, Run: func(t *suite.T) {
		spoken <- r.newT(t, o.Framings).startForPreflight().spokenFramings(o.Framings)
	}}, o)
	select {
	case pre.framings = <-spoken:
	default: // the case ended before it knew
	}

	switch {
	case blames(pre.result, "WRK-21"):
		found = methodsCase().Info()
	case blames(pre.result, "STR-7"):
		found = framingCase().Info()
	}
	pre.result.ID, pre.result.Clauses, pre.result.Cause = found.ID(""), found.Clauses, found.Cause
	pre.notRun = pre.leftOut(o.Framings)
	return pre
}

func blames(r result.Result, clause string) bool {
	return slices.ContainsFunc(r.Findings, func(f result.Finding) bool { return f.Clause == clause })
}

// leftOut says what cannot be run, given the framings that were asked for.
func (pre preflightResult) leftOut(asked []spec.Framing) []string {
	if len(pre.framings) == 0 {
		return []string{"no case was run: " + firstLine(pre.result)}
	}
	var notRun []string
	for _, f := range suite.BothFramings {
		switch {
		case slices.Contains(pre.framings, f):
		case slices.Contains(asked, f):
			notRun = append(notRun, fmt.Sprintf("the %s framing: the worker does not speak it; %s", f, oneFramingHint(pre.framings[0])))
		default:
			notRun = append(notRun, fmt.Sprintf("the %s framing: it was not asked for, and telling it from the other [STR-7] neither", f))
		}
	}
	return notRun
}

// job is the case that the preflight's finding belongs to, with its result.
func (pre preflightResult) job() suite.Job {
	c := suite.Info{Name: pre.result.ID, Clauses: pre.result.Clauses, Cause: pre.result.Cause}
	c.Name = strings.TrimPrefix(c.Name, c.Clauses[0]+"/")
	return suite.Job{Info: c, Known: &pre.result}
}

// report is the report of a run in which no case could be run.
func (pre preflightResult) report(o *suite.Options) result.Report {
	rep := suite.NewReport(spec.RoleWorker, o, pre.notRun)
	rep.Results = append(rep.Results, pre.result)
	suite.CloseReport(&rep)
	return rep
}

func firstLine(r result.Result) string {
	text := r.Reason
	if len(r.Findings) > 0 {
		text = r.Findings[0].Clause + ": " + r.Findings[0].Got
	}
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// startForPreflight starts the worker as a case does. When the worker cannot be started, it says at length why, and what to
// do.
func (t *T) startForPreflight() *process {
	in, err := t.instances.start(t.command, launch{})
	if errors.Is(err, exec.ErrNotFound) {
		t.Blocked("the worker cannot be started: %v.\nGive the command that starts it, with an absolute path where it is not on the PATH; it was: %s", err, t.command)
	}
	if err != nil {
		t.Blocked("the worker cannot be started: %v.\nGive the command that starts it: an executable file, or an interpreter and its script; it was: %s", err, t.command)
	}
	p := t.adopt(in, false)
	switch err := p.ready(); {
	case err == nil:
	case p.ended():
		t.Blocked("%v\nTo see it happen, set %s to a path of your choice and run: %s", err, socketVariable, t.command)
	case err.violation:
		t.FailNow("WRK-1", "a worker that listens on the Unix socket path in "+socketVariable, "%v\nThe command was: %s", err, t.command)
	default:
		t.Blocked("%v\nThe command was: %s", err, t.command)
	}
	return p
}

// spokenFramings returns those of the framings asked for in which the worker answers `health` with a frame. Whether that
// frame is a right answer is for other cases to test.
func (p *process) spokenFramings(asked []spec.Framing) []spec.Framing {
	var spoken []spec.Framing
	var unanswered []string
	for _, f := range asked {
		q := p.connect("WRK-1", f)
		q.ask("health", "null")
		if _, ok := q.wait(p.t.Patience(), anyReply); !ok {
			unanswered = append(unanswered, fmt.Sprintf("in the %s framing: %s", f, q.whyNoAnswer()))
		} else if spoken = append(spoken, f); len(spoken) == 1 {
			q.mustOfferMethods()
		}
		q.close()
	}
	want := "an answer to `health`, in the framing in which it is called"
	switch {
	case len(spoken) == 0:
		p.t.FailNow("STR-7", want, "none %s", strings.Join(unanswered, "\nand none "))
	case len(unanswered) > 0:
		p.t.Fail("STR-7", want, "none %s\n%s", unanswered[0], oneFramingHint(spoken[0]))
	}
	return spoken
}

// oneFramingHint says how to test a worker that speaks one framing only.
func oneFramingHint(f spec.Framing) string {
	return fmt.Sprintf("use --framing %s to validate the %s framing alone", f, f)
}

const preflightSleep = 50 * time.Millisecond

// mustOfferMethods calls the methods that the cases need. The other methods of [WRK-21] fail or end the process on purpose,
// and have cases of their own.
func (q *peer) mustOfferMethods() {
	var missing []string
	for _, m := range []struct{ method, body string }{
		{"echo", `"hi"`}, {"pid", "null"}, {"blob", `{"size":1}`}, {"inflight", "null"},
	} {
		q.ask(m.method, m.body)
		r, ok := q.wait(q.t.Patience(), anyReply)
		if !ok || r.err == nil && !r.answer.OK {
			missing = append(missing, m.method+describeReply(r, ok))
		}
		if !ok {
			break // the other methods will not be answered either
		}
	}
	began := time.Now()
	q.ask("sleep", sleepFor(preflightSleep))
	r, ok := q.wait(q.t.Patience(), anyReply)
	if !ok || r.err == nil && !r.answer.OK || r.at.Sub(began) < preflightSleep*9/10 {
		missing = append(missing, fmt.Sprintf("sleep, after %v%s", preflightSleep, describeReply(r, ok)))
	}
	if len(missing) > 0 {
		q.t.FailNow("WRK-21", "the methods that conformance runs need: echo, sleep, pid, blob, inflight and others",
			"no answer \"ok\": true from %s.\nExpose these in the worker that you name, beside its own methods", strings.Join(missing, "; "))
	}
}

// describeReply shows the reply to a method that is missing, or says that there was none.
func describeReply(r reply, ok bool) string {
	if !ok {
		return " (nothing came)"
	}
	return fmt.Sprintf(" (%s came)", text.Excerpt(r.Payload))
}
