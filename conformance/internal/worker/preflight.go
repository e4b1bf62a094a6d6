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

// preflightResult is what is known of a worker before any case is run.
type preflightResult struct {
	framings []spec.Framing // those to run cases in; none where no case can be run
	result   result.Result
	notRun   []string
}

// preflight finds out whether cases can be run at all, so that what is missing gets one clear error and
// not one in every case. It sets the subject of the report where none is set.
func (r *run) preflight(ctx context.Context, o *suite.Options) preflightResult {
	if o.Subject == "" {
		o.Subject = r.command.String()
	}
	var pre preflightResult
	found := startsCase().Info()
	spoken := make(chan []spec.Framing, 1)
	pre.result = suite.RunJob(ctx, suite.Job{Info: found, Run: func(t *suite.T) {
		w := &T{T: t, command: r.command, framings: o.Framings, instances: &r.instances}
		p := w.startForPreflight()
		spoken <- p.spokenFramings(o.Framings)
	}}, o)
	select {
	case pre.framings = <-spoken:
	default:
	}

	blames := func(clause string) bool {
		return slices.ContainsFunc(pre.result.Findings, func(f result.Finding) bool { return f.Clause == clause })
	}
	switch {
	case blames("WRK-21"):
		found = methodsCase().Info()
	case blames("STR-7"):
		found = framingCase().Info()
	}
	pre.result.ID, pre.result.Clauses, pre.result.Cause = found.ID(""), found.Clauses, found.Cause

	if len(pre.framings) == 0 {
		pre.notRun = append(pre.notRun, "no case was run: "+firstLine(pre.result))
		return pre
	}
	for _, f := range suite.BothFramings {
		switch {
		case slices.Contains(pre.framings, f):
		case slices.Contains(o.Framings, f):
			pre.notRun = append(pre.notRun, fmt.Sprintf("the %s framing: the worker does not speak it; %s", f, oneFramingHint(pre.framings[0])))
		default:
			pre.notRun = append(pre.notRun, fmt.Sprintf("the %s framing: it was not asked for, and telling it from the other [STR-7] neither", f))
		}
	}
	return pre
}

// startForPreflight starts the worker as any case does, but says at length why it cannot.
func (t *T) startForPreflight() *process {
	in, err := t.instances.start(t.command, launch{})
	if errors.Is(err, exec.ErrNotFound) {
		t.Blocked("the worker cannot be started: %v.\nGive the command that starts it, with an absolute path where it is not on the PATH; it was: %s", err, t.command)
	}
	if err != nil {
		t.Blocked("the worker cannot be started: %v.\nGive the command that starts it: an executable file, or an interpreter and its script; it was: %s", err, t.command)
	}
	p := t.adopt(in, false)
	err = p.ready()
	switch {
	case err == nil:
	case p.ended():
		t.Blocked("%v\nTo see it happen, set %s to a path of your choice and run: %s", err, socketVariable, t.command)
	default:
		t.FailNow("WRK-1", "a worker that listens on the Unix socket path in "+socketVariable, "%v\nThe command was: %s", err, t.command)
	}
	return p
}

// spoken are the framings that the worker speaks of those asked for. Speaking means no more here than
// to send a frame back.
func (p *process) spokenFramings(asked []spec.Framing) []spec.Framing {
	var spoken []spec.Framing
	var fates []string
	for _, f := range asked {
		q := p.connect("WRK-1", f)
		q.ask("health", "null")
		if _, ok := q.wait(p.t.Patience(), func(reply) bool { return true }); !ok {
			fates = append(fates, fmt.Sprintf("in the %s framing: %s", f, q.whyNoAnswer()))
		} else if spoken = append(spoken, f); len(spoken) == 1 {
			q.mustOfferMethods()
		}
		q.close()
	}
	want := "an answer to `health`, in the framing in which it is called"
	switch {
	case len(spoken) == 0:
		p.t.FailNow("STR-7", want, "none %s", strings.Join(fates, "\nand none "))
	case len(fates) > 0:
		p.t.Fail("STR-7", want, "none %s\n%s", fates[0], oneFramingHint(spoken[0]))
	}
	return spoken
}

// oneFramingHint tells how to go on with a worker that speaks one framing.
func oneFramingHint(f spec.Framing) string {
	return fmt.Sprintf("use --framing %s to validate the %s framing alone", f, f)
}

const sleepProbe = 50 * time.Millisecond

// came tells what an answer says that is not the one wanted.
func describeReply(r reply, ok bool) string {
	if !ok {
		return " (nothing came)"
	}
	return fmt.Sprintf(" (%s came)", text.Excerpt(r.Payload))
}

// mustOfferMethods calls the methods that the cases rest on. The others of [WRK-21] fail or end the process
// by design, and have cases of their own.
func (q *peer) mustOfferMethods() {
	var missing []string
	for _, m := range []struct{ method, body string }{
		{"echo", `"hi"`}, {"pid", "null"}, {"blob", `{"size":1}`}, {"inflight", "null"},
	} {
		q.ask(m.method, m.body)
		r, ok := q.wait(q.t.Patience(), func(reply) bool { return true })
		if !ok || r.err == nil && !r.answer.OK {
			missing = append(missing, m.method+describeReply(r, ok))
		}
		if !ok {
			break // nothing will come to the others either
		}
	}
	began := time.Now()
	q.ask("sleep", sleepFor(sleepProbe))
	r, ok := q.wait(q.t.Patience(), func(reply) bool { return true })
	if !ok || r.err == nil && !r.answer.OK || r.at.Sub(began) < sleepProbe*9/10 {
		missing = append(missing, fmt.Sprintf("sleep, after %v%s", sleepProbe, describeReply(r, ok)))
	}
	if len(missing) > 0 {
		q.t.FailNow("WRK-21", "the methods that conformance runs need: echo, sleep, pid, blob, inflight and others",
			"no answer \"ok\": true from %s.\nExpose these in the worker that you name, beside its own methods", strings.Join(missing, "; "))
	}
}

// job is the case that the preflight's finding belongs to, with its outcome.
func (pre preflightResult) job() suite.Job {
	c := suite.Info{Name: pre.result.ID, Clauses: pre.result.Clauses, Cause: pre.result.Cause}
	c.Name = strings.TrimPrefix(c.Name, c.Clauses[0]+"/")
	return suite.Job{Info: c, Known: &pre.result}
}

// report is the report of a run in which nothing could be run.
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
