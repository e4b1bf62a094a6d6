package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

var vectorSet = sync.OnceValues(vectors.Load)

// vectorCases send the golden vectors to the worker: one case for the messages of each clause, and one for the damaged
// frames of each error kind.
func vectorCases() []testCase {
	set, err := vectorSet()
	if err != nil {
		return []testCase{{
			Name: "vectors-can-be-read", Clauses: []string{"MSG-1"},
			Cause: "The golden vectors in the suite are damaged.",
			Run:   func(t *T) { t.Blocked("the golden vectors are damaged: %v", err) },
		}}
	}
	return slices.Concat(messageVectorCases(set.Messages), frameVectorCases(slices.Concat(set.Enhanced, set.Basic, set.Streams)))
}

func messageVectorCases(all []vectors.MessageVector) []testCase {
	var clauses []string
	byClause := map[string][]vectors.MessageVector{}
	for _, v := range all {
		if v.Receiver != vectors.Worker {
			continue
		}
		if byClause[v.Clause] == nil {
			clauses = append(clauses, v.Clause)
		}
		byClause[v.Clause] = append(byClause[v.Clause], v)
	}
	var cases []testCase
	for _, clause := range clauses {
		messages := byClause[clause]
		cases = append(cases, testCase{
			Name: "message-vectors-are-taken-as-they-say", Clauses: []string{clause}, Framings: framingsOf(messages),
			Cause: "The worker takes this message for something else; the name of the vector and its comment say what is special about it.",
			Run:   func(t *T) { t.sendMessageVectors(messages) },
		})
	}
	return cases
}

// framingsOf returns the framings in which at least one of the messages may be sent.
func framingsOf(all []vectors.MessageVector) []spec.Framing {
	return slices.DeleteFunc(slices.Clone(suite.BothFramings), func(f spec.Framing) bool {
		return !slices.ContainsFunc(all, func(v vectors.MessageVector) bool { return slices.Contains(v.Framings, vectors.Framing(f)) })
	})
}

// delivery is the way in which a vector is sent.
type delivery string

const (
	alone      delivery = "alone"
	byteByByte delivery = "byte by byte"
	joined     delivery = "joined with others" // in one write with a right request before it and one behind it
)

var deliveries = []delivery{alone, byteByByte, joined}

// vectorMessage is a message vector on its way to the worker.
type vectorMessage struct {
	vectors.MessageVector
	delivery delivery
}

func (v vectorMessage) String() string {
	return fmt.Sprintf("the vector %s (%s), sent %s", v.TcID, v.Comment, v.delivery)
}

// sendMessageVectors sends each vector in each delivery on a connection of its own, beside a healthy one.
func (t *T) sendMessageVectors(all []vectors.MessageVector) {
	p := t.start()
	other := p.beside()
	for _, v := range all {
		if !slices.Contains(v.Framings, vectors.Framing(t.Framing)) {
			continue
		}
		for _, delivery := range deliveries {
			p.sendMessageVector(vectorMessage{v, delivery})
			if other != nil {
				other.call("WRK-16", "echo", `"a healthy connection"`)
			}
		}
	}
}

func (p *process) sendMessageVector(v vectorMessage) {
	q := p.connectServed(p.t.Framing)
	q.about = v.String()
	defer q.close()
	switch v.Outcome {
	case vectors.OutcomeRequest:
		q.expect(v.ID)
		q.mustGoOnAround(v, func() { q.mustTakeRequest(v) })
	case vectors.OutcomeErrorAnswer:
		q.expectError(v.HeaderID)
		clause := v.Clause
		if clause == "MSG-11" && strings.HasSuffix(v.TcID, "-in-other-case") { // it is no request only because of that
			clause = "MSG-4"
		}
		q.mustGoOnAround(v, func() { q.mustBeErrorAnswer(clause, v.String(), v.HeaderID, v.AnswerIDs.Basic...) })
	case vectors.OutcomeCancellation:
		p.mustTakeCancellation(q, v)
	case vectors.OutcomeIgnored:
		q.mustIgnore(v)
	case vectors.OutcomeViolation:
		q.sendVector(v)
		q.mustClose(v.Clause, "the connection is closed after "+v.String())
		for _, r := range q.takeReplies() {
			if r.err == nil && r.answer.OK && r.answer.ID == v.ID {
				q.fail(v.Clause, "no handler runs for "+v.String(), "its result: "+text.Excerpt(r.Payload), r)
			}
		}
	}
}

// The IDs of the right requests around a vector, which no vector has.
const idBefore, idBehind = 990_000_001, 990_000_002

// sendVector sends the vector as its delivery says.
func (q *peer) sendVector(v vectorMessage) {
	frame := wire.Encode(q.framing, v.HeaderID, v.Bytes)
	switch v.delivery {
	case byteByByte:
		q.sendInPieces(frame, 1)
	case joined:
		q.expect(idBefore)
		q.expect(idBehind)
		q.send(slices.Concat(wire.Encode(q.framing, idBefore, wire.Request(idBefore, "echo", `"before"`)), frame,
			wire.Encode(q.framing, idBehind, wire.Request(idBehind, "echo", `"behind"`))))
	default:
		q.send(frame)
	}
}

// mustGoOnAround sends the vector, checks what comes of it, and checks that the requests around it, or one behind it, are
// answered. The answers may come in any order.
func (q *peer) mustGoOnAround(v vectorMessage, check func()) {
	q.sendVector(v)
	check()
	q.mustAnswerAround(v)
}

func (q *peer) mustAnswerAround(v vectorMessage) {
	if v.delivery == joined {
		q.mustEcho(v.Clause, idBefore, `"before"`)
		q.mustEcho(v.Clause, idBehind, `"behind"`)
		return
	}
	q.call(purpose(v.Clause), "echo", `"the connection goes on"`)
}

// mustTakeRequest waits for the answer to a vector that is a request: the echo of its body, or an error if no worker has its
// method.
func (q *peer) mustTakeRequest(v vectorMessage) {
	r := q.awaitReply(purpose(v.Clause), v.ID)
	switch {
	case slices.Contains(v.Flags, "unknown-method"):
		if r.answer.OK {
			q.fail(v.Clause, "an error answer to "+v.String(), "a result", r)
		}
	case !r.answer.OK:
		q.fail(v.Clause, "the result of "+v.String(), fmt.Sprintf("the error %q", text.Clip(r.answer.Error, 300)), r)
	default:
		if d := wire.DiffJSON(v.Body, r.answer.Body); d != "" {
			q.fail(v.Clause, fmt.Sprintf("the body %s of %v", text.Clip(string(v.Body), 100), v), text.Clip(d, 300), r)
		}
	}
	if r.answer.Enveloped != v.Envelope {
		clause := "MSG-2"
		if v.Clause == "MSG-3" { // which says whether it came in one
			clause = v.Clause
		}
		q.fail(clause, v.String()+" is answered the way it came", text.Excerpt(r.Payload), r)
	}
}

// mustIgnore sends a cancellation that names no readable ID while a `sleep` under the ID of the header runs, which must sleep
// to its end.
func (q *peer) mustIgnore(v vectorMessage) {
	const sleep = 40 * time.Millisecond
	began := time.Now()
	q.request(v.HeaderID, "sleep", sleepFor(sleep))
	q.sendVector(v)
	r := q.awaitReply(purpose(v.Clause), v.HeaderID)
	if slept := r.at.Sub(began); !r.answer.OK || slept < sleep*9/10 {
		q.fail(v.Clause, fmt.Sprintf("request %d sleeps for %v, as %v names no ID", v.HeaderID, sleep, v),
			fmt.Sprintf("\"ok\": %v after %v %s", r.answer.OK, slept.Round(time.Millisecond), text.Clip(r.answer.Error, 200)), r)
	}
	q.mustAnswerAround(v)
	q.nothingElse(v.Clause, "no answer to "+v.String())
}

// mustTakeCancellation sends the vector while a `sleep` under its ID runs, which must end.
func (p *process) mustTakeCancellation(q *peer, v vectorMessage) {
	first := true
	p.mustCancelBy(purpose(v.Clause), q, v.ID, v.String(), func() {
		if first {
			q.sendVector(v)
		} else {
			q.cancel(v.HeaderID, v.Bytes)
		}
		first = false
	})
	q.mustAnswerAround(v)
}

// frameVector is a vector of frames as the worker has to take it, whose max_payload is the default.
type frameVector struct {
	vectors.FrameVector
	kind spec.ErrorKind // of the framing error in it
}

// frameVectorCases have one case for each kind of framing error. Vectors that are only damaged for a receiver with a smaller
// max_payload are left out.
func frameVectorCases(all []vectors.FrameVector) []testCase {
	var cases []testCase
	for _, kind := range []spec.ErrorKind{spec.BadMagic, spec.BadLength, spec.TooLarge, spec.Truncated, spec.BadCRC} {
		var damaged []frameVector
		for _, v := range all {
			if v := (frameVector{v, errorKind(v)}); v.kind == kind {
				damaged = append(damaged, v)
			}
		}
		framings := slices.DeleteFunc(slices.Clone(suite.BothFramings), func(f spec.Framing) bool {
			return !slices.ContainsFunc(damaged, func(v frameVector) bool { return spec.Framing(v.Framing) == f })
		})
		clauses := closesAfter
		if kind == spec.Truncated {
			clauses = runsNothing
		}
		cases = append(cases, testCase{
			Name: "frame-vectors-of-" + strings.ReplaceAll(string(kind), "_", "-") + "-close-the-connection", Clauses: clauses, Framings: framings,
			Cause: "The worker does not see this damage; the name of the vector and its comment say what is wrong with the frame.",
			Run:   func(t *T) { t.sendFrameVectors(damaged) },
		})
	}
	return cases
}

// errorKind returns the error that a receiver with the default max_payload has to find in the vector; empty for none.
func errorKind(v vectors.FrameVector) spec.ErrorKind {
	for rest := v.Bytes; len(rest) > 0; {
		_, used, err := wire.DecodeOne(spec.Framing(v.Framing), rest, spec.DefaultMaxPayload)
		var kind spec.ErrorKind
		switch {
		case errors.As(err, &kind):
			return kind
		case used == 0:
			return spec.Truncated
		}
		rest = rest[used:]
	}
	return ""
}

// sendFrameVectors sends each vector in each delivery behind a good call, on a connection of its own and beside a healthy
// one. The worker must close the first and serve the second.
func (t *T) sendFrameVectors(all []frameVector) {
	p := t.start()
	other := p.beside()
	for _, v := range all {
		if spec.Framing(v.Framing) != t.Framing {
			continue
		}
		for _, delivery := range deliveries {
			what := fmt.Sprintf("the vector %s (%s), sent %s", v.TcID, v.Comment, delivery)
			q := p.connectServed(t.Framing)
			switch delivery {
			case byteByByte:
				q.sendInPieces(v.Bytes, 1+len(v.Bytes)/64)
			case joined:
				q.expect(idBefore)
				q.send(append(wire.Encode(t.Framing, idBefore, wire.Request(idBefore, "echo", `"before"`)), v.Bytes...))
			default:
				q.send(v.Bytes)
			}
			if v.kind == spec.Truncated {
				q.closeSending()
			}
			q.mustClose("WRK-15", "the connection is closed after "+what)
			q.close()
			p.mustServe("WRK-14", other, what)
		}
	}
}

// beside returns a connection that is served and stays open beside those that a case is about, or nil if the worker serves
// one connection at a time.
func (p *process) beside() *peer {
	if p.t.oneAtATime {
		return nil
	}
	return p.connectServed(p.t.anyFraming())
}

// mustServe calls on another connection than the one on which something wrong was sent, as mustSurvive does, and on a new one
// if there is no other.
func (p *process) mustServe(clause string, other *peer, what string) {
	if other == nil {
		conn, err := p.dial()
		if err != nil {
			p.mustNotHaveRun(clause, p.t.Patience(), what)
			p.t.FailNow("WRK-16", "a connection to the worker after "+what, "%v%s", err, p.exitSuffix())
		}
		other = newPeer(p, conn, p.t.anyFraming())
		other.startReading()
		defer other.close()
	}
	p.mustSurvive(clause, other, other.ask("echo", `"still served"`), what)
}
