package worker

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// preflightResult is what the preflight found out about the worker.
type preflightResult struct {
	framings []spec.Framing // to run cases in; empty when no case can be run, or only those of wireOnly
	// wireOnly are the framings in which `health` is answered by a worker that lacks methods of [WRK-21]. Only the cases
	// that need none of those are run.
	wireOnly   []spec.Framing
	oneAtATime bool // the worker serves one connection at a time
	result     result.Result
	notRun     []string // what the run leaves out, and why
}

// preflight starts the worker once and finds out whether cases can be run, so that a worker that cannot be tested gets one
// clear error and not one for each case. It sets the subject of the report to the command line if no subject is set.
func (r *run) preflight(ctx context.Context, o *suite.Options) preflightResult {
	if o.Subject == "" {
		o.Subject = r.command.String()
	}
	var pre preflightResult
	found := startsCase().Info()
	var seen atomic.Pointer[preflightResult] // by the last trial that ended
	pre.result = suite.RunJob(ctx, suite.Job{Info: found, Run: func(t *suite.T) {
		spoken := &preflightResult{}
		defer seen.Store(spoken) // also when the case is ended early
		r.newT(t, preflightResult{framings: o.Framings}).startForPreflight().lookAt(o.Framings, spoken)
	}}, o)
	if spoken := seen.Load(); spoken != nil { // otherwise the case did not end in time
		pre.framings, pre.oneAtATime = spoken.framings, spoken.oneAtATime
	}

	switch {
	case blames(pre.result, "WRK-21"):
		found = methodsCase().Info()
		pre.framings, pre.wireOnly = nil, pre.framings
	case blames(pre.result, "STR-7"):
		found = framingCase().Info()
	case blames(pre.result, "MSG-1"):
		found = infoOf(messageCases(), "each-request-gets-one-answer")
	case blames(pre.result, "WRK-9"):
		found = infoOf(manyCases(), "requests-behind-a-long-one-are-answered")
	}
	pre.result.ID, pre.result.Clauses, pre.result.Cause = found.ID(""), found.Clauses, found.Cause
	pre.notRun = pre.leftOut(o.Framings)
	return pre
}

// infoOf returns the case of that name.
func infoOf(cases []testCase, name string) suite.Info {
	i := slices.IndexFunc(cases, func(c testCase) bool { return c.Name == name })
	return cases[i].Info()
}

func blames(r result.Result, clause string) bool {
	return slices.ContainsFunc(r.Findings, func(f result.Finding) bool { return f.Clause == clause })
}

// leftOut says what cannot be run, given the framings that were asked for.
func (pre preflightResult) leftOut(asked []spec.Framing) []string {
	switch {
	case len(pre.wireOnly) > 0:
		return []string{"only what the wire alone shows was run [WRK-1, WRK-20]: " + firstLine(pre.result)}
	case len(pre.framings) == 0:
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

// lookAt finds out in which of the framings asked for the worker answers `health` with a frame, whether it has the methods
// that the cases need, and whether it serves connections at once. Whether the frame is a right answer is for other cases to
// test. What it finds stands in seen also when it ends the case.
func (p *process) lookAt(asked []spec.Framing, seen *preflightResult) {
	var unanswered []string
	anyID := false
	for _, f := range asked {
		q := p.connect("WRK-1", f)
		if r, ok := q.firstAnswer("health"); !ok {
			unanswered = append(unanswered, fmt.Sprintf("in the %s framing: %s", f, q.whyNoAnswer()))
		} else if seen.framings = append(seen.framings, f); len(seen.framings) == 1 {
			anyID = !q.hasID(q.lastID)(r)
		}
		q.close()
	}
	want := "an answer to `health`, in the framing in which it is called"
	switch {
	case len(seen.framings) == 0:
		p.t.FailNow("STR-7", want, "none %s", strings.Join(unanswered, "\nand none "))
	case len(unanswered) > 0:
		p.t.Fail("STR-7", want, "none %s\n%s", unanswered[0], oneFramingHint(seen.framings[0]))
	}
	q := p.connect("WRK-1", seen.framings[0])
	q.anyID = anyID
	q.mustOfferMethods()
	q.mustSendAnswersOnly()
	q.close()
	seen.oneAtATime = p.servesOneAtATime(seen.framings[0])
}

// firstAnswer calls a method and waits for its answer. If something else comes and the answer does not, that is taken for
// the answer: whether IDs are right is for other cases to test.
func (q *peer) firstAnswer(method string) (reply, bool) {
	id := q.ask(method, "null")
	if !q.peek(q.t.Patience(), anyReply) {
		return reply{}, false
	}
	if r, ok := q.wait(q.t.Patience(), q.hasID(id)); ok {
		return r, true
	}
	return q.wait(0, anyReply)
}

// servesOneAtATime reports whether a connection is served only when the one before it has ended. It decides which connections
// cases use and never what they find.
func (p *process) servesOneAtATime(f spec.Framing) bool {
	first := p.connect("WRK-1", f)
	if _, ok := first.firstAnswer("health"); !ok {
		return false
	}
	second := p.connect("WRK-1", f)
	second.ask("health", "null")
	if second.peek(p.t.Patience()/4, anyReply) || second.readingEnded() {
		return false
	}
	first.close()
	if !second.peek(p.t.Patience(), anyReply) {
		return false
	}
	p.t.Note("suite", "the worker answers one connection only when the other has ended: cases use connections one after the other where they can")
	return true
}

// oneFramingHint says how to test a worker that speaks one framing only.
func oneFramingHint(f spec.Framing) string {
	return fmt.Sprintf("use --framing %s to validate the %s framing alone", f, f)
}

const preflightSleep = 50 * time.Millisecond

// mustOfferMethods calls the methods that the cases need. The other methods of [WRK-21] fail or end the process on purpose,
// and have cases of their own. If the worker closes the connection after an answer, the next call is made on a new one.
func (q *peer) mustOfferMethods() {
	t, calls := q.t, q
	var missing []string
	closedAfter, last := "", ""
	for _, m := range []struct{ method, body string }{
		{"echo", `"hi"`}, {"pid", "null"}, {"blob", `{"size":1}`}, {"inflight", "null"}, {"sleep", sleepFor(preflightSleep)},
	} {
		began := time.Now()
		r, ok := calls.tryMethod(m.method, m.body)
		if !ok && calls.readingEnded() && !q.process.ended() {
			why := calls.whyNoAnswer()
			calls = q.process.connect("WRK-1", q.framing)
			calls.anyID = q.anyID
			began = time.Now()
			if r, ok = calls.tryMethod(m.method, m.body); ok && closedAfter == "" {
				closedAfter = fmt.Sprintf("after the answer to `%s`, `%s` was not answered (%s), and on a new connection it was", last, m.method, why)
			}
		}
		last = m.method
		switch {
		case !ok || r.err == nil && !r.answer.OK:
			missing = append(missing, m.method+describeReply(r, ok))
		case m.method == "sleep" && r.at.Sub(began) < preflightSleep*9/10:
			missing = append(missing, fmt.Sprintf("sleep, after %v%s", preflightSleep, describeReply(r, ok)))
		}
		if !ok {
			break // the other methods will not be answered either
		}
	}
	if closedAfter != "" {
		t.Fail("WRK-9", "a connection that goes on when a request was answered", "%s: the worker closes its connections after one request", closedAfter)
	}
	if len(missing) > 0 {
		t.FailNow("WRK-21", "the methods that conformance runs need: echo, sleep, pid, blob, inflight and others",
			"no answer \"ok\": true from %s.\nExpose these in the worker that you name, beside its own methods", strings.Join(missing, "; "))
	}
}

// tryMethod calls a method and waits for its answer.
func (q *peer) tryMethod(method, body string) (reply, bool) {
	match := q.hasID(q.ask(method, body))
	if q.anyID {
		match = anyReply
	}
	return q.wait(q.t.Patience(), match)
}

// mustSendAnswersOnly fails [MSG-1] if the worker sent more than the answers that the preflight took.
func (q *peer) mustSendAnswersOnly() {
	if extra := q.takeReplies(); len(extra) > 0 {
		r := extra[0]
		q.fail("MSG-1", "answers to requests, and nothing that nobody asked for", fmt.Sprintf("%s that no request asked for; the first is %s",
			text.Plural(len(extra), "frame"), text.Excerpt(r.Payload)), r)
	}
}

// describeReply shows the reply to a method that is missing, or says that there was none.
func describeReply(r reply, ok bool) string {
	if !ok {
		return " (nothing came)"
	}
	return fmt.Sprintf(" (%s came)", text.Excerpt(r.Payload))
}
