package worker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// wait waits for a reply that matches and takes it. It gives up when the connection has ended, and when nothing has come for
// as long as the limit.
func (q *peer) wait(limit time.Duration, match func(reply) bool) (reply, bool) {
	began := time.Now()
	d := q.process.deadline(limit)
	defer d.stop()
	for expired := false; ; {
		q.mu.Lock()
		i := slices.IndexFunc(q.replies, match)
		if i >= 0 {
			r := q.replies[i]
			q.replies = slices.Delete(q.replies, i, i+1)
			q.mu.Unlock()
			return r, true
		}
		ended, changed, lastRead := q.ended, q.changed, q.lastRead
		q.mu.Unlock()
		if expired || ended != nil {
			return reply{}, false
		}
		select {
		case <-changed:
		case <-d.C:
			if lastRead.After(began) && time.Since(lastRead) < limit {
				began = lastRead
				d.restart(time.Since(lastRead))
			} else {
				expired = d.expired()
			}
		case <-q.t.Context().Done():
			expired = true
		}
	}
}

// peek waits for a reply that matches, as wait does, and does not take it.
func (q *peer) peek(limit time.Duration, match func(reply) bool) bool {
	r, ok := q.wait(limit, match)
	if ok {
		q.update(func() { q.replies = append(q.replies, r) })
	}
	return ok
}

// anyReply matches every reply.
func anyReply(reply) bool { return true }

// hasID matches the answer to a request with that ID, and what may be meant as that answer.
func (q *peer) hasID(id uint64) func(reply) bool {
	return func(r reply) bool {
		if q.framing == spec.Enhanced && r.ID == id {
			return true
		}
		return r.err != nil && q.framing == spec.Basic || r.err == nil && r.answer.ID == id
	}
}

// call sends one request and waits for its answer, as await does.
func (q *peer) call(why purpose, method, body string) wire.Answer {
	return q.await(why, q.ask(method, body))
}

// await waits for the answer to the request with that ID. If nothing comes, the step has failed and the case ends. If what
// comes is no well-formed answer, the case ends with a finding of the clause that this breaks.
func (q *peer) await(why purpose, id uint64) wire.Answer {
	return q.awaitReply(why, id).answer
}

// awaitReply is await for a case that needs the frame too.
func (q *peer) awaitReply(why purpose, id uint64) reply {
	want := fmt.Sprintf("an answer under ID %d on %s", id, q.name)
	r, ok := q.wait(q.t.Patience(), q.hasID(id))
	if !ok {
		q.noAnswer(why, want)
	}
	q.mustBeAnswer(why, r)
	q.mustMatchHeader(r)
	return r
}

// awaitNext waits for the next reply under whatever ID, when only one request is outstanding.
func (q *peer) awaitNext(clause, want string) reply {
	r, ok := q.wait(q.t.Patience(), anyReply)
	if !ok {
		q.noAnswer(purpose(clause), want)
	}
	return r
}

// mustEcho waits for the answer to `echo` and fails the clause if its body does not equal the request's.
func (q *peer) mustEcho(clause string, id uint64, body string) {
	r := q.awaitReply(purpose(clause), id)
	got := r.answer.Error
	if r.answer.OK {
		if got = wire.DiffJSON([]byte(body), r.answer.Body); got == "" {
			return
		}
	}
	q.fail(clause, "the echo of "+text.Excerpt([]byte(body)), text.Clip(got, 300), r)
}

// mustMatchHeader records a finding if the ID in the answer's message differs from the ID in its header.
func (q *peer) mustMatchHeader(r reply) {
	if q.framing == spec.Enhanced && r.ID != r.answer.ID {
		q.fail("RID-8", "an answer under the ID of its request, in its message and in its header",
			fmt.Sprintf("ID %d in the message, %d in the header", r.answer.ID, r.ID), r)
	}
}

// mustBeAnswer ends the case if the reply is no well-formed answer.
func (q *peer) mustBeAnswer(why purpose, r reply) {
	if r.err == nil {
		return
	}
	f := result.Finding{Clause: "MSG-1", Want: `a response, {"id", "ok": true, "body"} or {"id", "ok": false, "error"}`, Got: r.err.Error(), Dump: q.dump(r)}
	if says := string(r.Payload); strings.Contains(says, "NaN") || strings.Contains(says, "Infinity") {
		f.Clause, f.Want = "MSG-8", "an answer without NaN and Infinity, which are no JSON"
	}
	if why == setUp {
		q.t.Blocked("the case could not be set up: expected %s; got: %s\n%s", f.Want, f.Got, f.Dump)
	}
	q.t.foundNow(f)
}

// noAnswer ends the case because an answer did not come. If answers came under IDs under which nothing was asked, they are
// the likely reason, and break [RID-8].
func (q *peer) noAnswer(why purpose, want string) {
	if q.about != "" {
		want += ", for " + q.about
	}
	q.mu.Lock()
	ended, strays := q.ended, []uint64{}
	for _, r := range q.replies {
		if r.err == nil && q.asked[r.answer.ID] == 0 {
			strays = append(strays, r.answer.ID)
		}
	}
	asked := slices.Sorted(maps.Keys(q.asked))
	q.mu.Unlock()
	if len(strays) > 0 {
		q.t.stepFailed(why.withClause("RID-8"), want, fmt.Sprintf("answers under %s, where %s asked only under %s",
			text.Clip(joinIDs(strays, ", "), 60), q.name, text.Clip(joinIDs(asked, ", "), 60)))
	}
	if errors.Is(ended, errNoFrame) {
		why = why.withClause("STR-7")
	}
	q.t.stepFailed(why, want, q.whyNoAnswer())
}

func joinIDs(ids []uint64, separator string) string {
	var all []string
	for _, id := range ids {
		all = append(all, strconv.FormatUint(id, 10))
	}
	return strings.Join(all, separator)
}

// whyNoAnswer says what happened on the connection instead of an answer.
func (q *peer) whyNoAnswer() string {
	if ended := q.whyEnded(); ended != nil {
		return fmt.Sprintf("%s: %s%s", q.name, endText(ended), q.process.exitSuffix())
	}
	return fmt.Sprintf("nothing on %s within %v%s", q.name, q.t.Patience(), q.process.exitSuffix())
}

// whyEnded returns why reading ended, nil if it goes on.
func (q *peer) whyEnded() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

// mustClose waits until the worker has closed the connection. The peer may see an end, a reset or a broken pipe [WRK-15].
// Answers that came before do not count.
func (q *peer) mustClose(clause, want string) {
	q.process.waitFor(q.t.Patience(), q.done)
	switch ended := q.whyEnded(); {
	case ended == nil:
		q.t.stepFailed(purpose(clause), want, fmt.Sprintf("%s was still open after %v%s", q.name, q.t.Patience(), q.process.exitSuffix()))
	case errors.Is(ended, errNoFrame):
		q.t.FailNow("STR-7", fmt.Sprintf("answers in the %s framing", q.framing), "%v", ended)
	}
}

// nothingElse fails the clause if the worker sent more than the replies that the case took. It makes a few calls first:
// what the worker sends by mistake comes no later than the answers to those.
func (q *peer) nothingElse(clause, want string) {
	for range 3 {
		q.call(setUp, "echo", `"barrier"`)
	}
	extra := q.takeReplies()
	for i, r := range extra {
		if i == 3 {
			q.t.Fail(clause, want, "%d more that nobody asked for", len(extra)-i)
			break
		}
		q.fail(clause, want, "one more: "+text.Excerpt(r.Payload), r)
	}
}

// takeReplies takes all replies that the case has not taken.
func (q *peer) takeReplies() []reply {
	q.mu.Lock()
	defer q.mu.Unlock()
	replies := q.replies
	q.replies = nil
	return replies
}
