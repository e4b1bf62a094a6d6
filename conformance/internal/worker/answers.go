package worker

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// reply is one frame of the worker, and what it says where it can be read as an answer.
type reply struct {
	spec.Frame
	at     time.Time
	answer wire.Answer
	err    error
}

// saysOK reports whether the reply is meant as the result of a handler, however wrong it is otherwise.
func (r reply) saysOK() bool {
	m, err := wire.ReadMessage(r.Payload)
	return r.answer.OK || err == nil && string(m.Fields["ok"]) == "true"
}

// wait waits for a reply that matches and takes it. It gives up when the connection has ended, or nothing has
// come for as long as the limit.
func (q *peer) wait(limit time.Duration, match func(reply) bool) (reply, bool) {
	began := time.Now()
	d := q.process.deadline(limit)
	defer d.stop()
	for over := false; ; {
		q.mu.Lock()
		i := slices.IndexFunc(q.replies, match)
		if i >= 0 {
			r := q.replies[i]
			q.replies = slices.Delete(q.replies, i, i+1)
			q.mu.Unlock()
			return r, true
		}
		ended, changed, heard := q.ended, q.changed, q.lastRead
		q.mu.Unlock()
		if over || ended != nil {
			return reply{}, false
		}
		select {
		case <-changed:
		case <-d.C:
			if heard.After(began) && time.Since(heard) < limit {
				began = heard
				d.restart(time.Since(heard))
			} else {
				over = d.expired()
			}
		case <-q.t.Context().Done():
			over = true
		}
	}
}

// peek waits like wait, but leaves the reply to be taken.
func (q *peer) peek(limit time.Duration, match func(reply) bool) bool {
	r, ok := q.wait(limit, match)
	if ok {
		q.update(func() { q.replies = append(q.replies, r) })
	}
	return ok
}

// hasID reports whether the reply is the answer to a request with that ID, or may be meant as it.
func (q *peer) hasID(id uint64) func(reply) bool {
	return func(r reply) bool {
		if q.framing == spec.Enhanced && r.ID == id {
			return true
		}
		return r.err != nil && q.framing == spec.Basic || r.err == nil && r.answer.ID == id
	}
}

// await waits for the answer to the request with that ID. The clause is the one that does not hold
// where nothing comes; what comes and is no answer breaks a clause of its own. Both end the case.
func (q *peer) await(clause string, id uint64) wire.Answer {
	return q.awaitReply(clause, id).answer
}

func (q *peer) awaitReply(clause string, id uint64) reply {
	want := fmt.Sprintf("an answer under ID %d on %s", id, q.name)
	r, ok := q.wait(q.t.Patience(), q.hasID(id))
	if !ok {
		q.noAnswer(clause, want)
	}
	q.mustBeAnswer(clause, r)
	q.mustMatchHeader(r)
	return r
}

// mustMatchHeader records where an answer bears different IDs in its message and its header.
func (q *peer) mustMatchHeader(r reply) {
	if q.framing == spec.Enhanced && r.ID != r.answer.ID {
		q.t.Found(result.Finding{
			Clause: "RID-8", Want: "an answer under the ID of its request, in its message and in its header",
			Got: fmt.Sprintf("ID %d in the message, %d in the header", r.answer.ID, r.ID), Dump: q.dump(r),
		})
	}
}

// next waits for whatever comes next, where only one request is outstanding.
func (q *peer) next(clause, want string) reply {
	r, ok := q.wait(q.t.Patience(), func(reply) bool { return true })
	if !ok {
		q.noAnswer(clause, want)
	}
	return r
}

// mustBeAnswer ends the case where the reply is no well-formed answer.
func (q *peer) mustBeAnswer(clause string, r reply) {
	if r.err == nil {
		return
	}
	f := result.Finding{Clause: "MSG-1", Want: `a response, {"id", "ok": true, "body"} or {"id", "ok": false, "error"}`, Got: r.err.Error(), Dump: q.dump(r)}
	if says := string(r.Payload); strings.Contains(says, "NaN") || strings.Contains(says, "Infinity") {
		f.Clause, f.Want = "MSG-8", "an answer without NaN and Infinity, which are no JSON"
	}
	if clause == setUp {
		q.t.Blocked("the case could not be set up: expected %s; got: %s\n%s", f.Want, f.Got, f.Dump)
	}
	q.t.Found(f)
	runtime.Goexit()
}

func (q *peer) dump(r reply) string {
	data := wire.Encode(q.framing, r.ID, r.Payload)
	return wire.Dump(q.framing, data[:min(len(data), suite.KeptBytes)], len(data), wire.DumpRows)
}

// silent ends the case where what must come did not. Answers under IDs that nobody asked under are the
// likely reason, and break [RID-8].
func (q *peer) noAnswer(clause, want string) {
	q.mu.Lock()
	ended, strays := q.ended, []string{}
	for _, r := range q.replies {
		if r.err == nil && q.asked[r.answer.ID] == 0 {
			strays = append(strays, fmt.Sprint(r.answer.ID))
		}
	}
	asked := slices.Sorted(maps.Keys(q.asked))
	q.mu.Unlock()
	if len(strays) > 0 {
		q.t.stepFailed(or(clause, "RID-8"), want, fmt.Sprintf("answers under %s, where %s asked only under %s",
			text.Clip(strings.Join(strays, ", "), 60), q.name, text.Clip(strings.Trim(fmt.Sprint(asked), "[]"), 60)))
	}
	if errors.Is(ended, errNoFrame) {
		clause = or(clause, "STR-7")
	}
	q.t.stepFailed(clause, want, q.whyNoAnswer())
}

// or keeps setUp and else takes the other clause.
func or(clause, other string) string {
	if clause == setUp {
		return setUp
	}
	return other
}

// fate tells what became of the connection instead of an answer.
func (q *peer) whyNoAnswer() string {
	q.mu.Lock()
	ended := q.ended
	q.mu.Unlock()
	if ended == nil {
		return fmt.Sprintf("nothing on %s within %v%s", q.name, q.t.Patience(), q.process.exitSuffix())
	}
	return fmt.Sprintf("%s: %s%s", q.name, endText(ended), q.process.exitSuffix())
}

// mustClose waits until the worker has closed the connection: an end, a reset and a broken pipe are all
// fine [WRK-15]. Answers that came before are left alone.
func (q *peer) mustClose(clause, want string) {
	d := q.process.deadline(q.t.Patience())
	defer d.stop()
	for over := false; !over; {
		select {
		case <-q.done:
			over = true
		case <-d.C:
			over = d.expired()
		case <-q.t.Context().Done():
			over = true
		}
	}
	q.mu.Lock()
	ended := q.ended
	q.mu.Unlock()
	if ended == nil {
		q.t.stepFailed(clause, want, fmt.Sprintf("%s was still open after %v%s", q.name, q.t.Patience(), q.process.exitSuffix()))
	}
	if errors.Is(ended, errNoFrame) {
		q.t.FailNow("STR-7", fmt.Sprintf("answers in the %s framing", q.framing), "%v", ended)
	}
}

// left takes the replies that nobody took.
func (q *peer) takeReplies() []reply {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.replies
	q.replies = nil
	return left
}

// nothingElse fails the clause where the worker sent more than what was taken. Later calls stand as a
// barrier: what is sent beside an answer comes no later than the answers after it.
func (q *peer) nothingElse(clause, want string) {
	for range 3 {
		q.call(setUp, "echo", `"barrier"`)
	}
	left := q.takeReplies()
	for i, r := range left {
		if i == 3 {
			q.t.Fail(clause, want, "%d more that nobody asked for", len(left)-i)
			break
		}
		q.t.Found(result.Finding{Clause: clause, Want: want, Got: "one more: " + text.Excerpt(r.Payload), Dump: q.dump(r)})
	}
}
