package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func violationCases() []testCase {
	return []testCase{
		{
			Name: "header-and-message-must-bear-one-id", Clauses: []string{"MSG-13"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The worker never compares the ID in the header with the ID in the message, though no checksum covers the header.",
			Run:   headerAndMessageMustBearOneID,
		},
		{
			Name: "repeated-outstanding-id-closes-the-connection", Clauses: []string{"MSG-14"}, Framings: suite.BothFramings,
			Cause: "The worker keeps outstanding requests in a table by ID, and the second request replaces the first.",
			Run:   repeatedOutstandingIDClosesTheConnection,
		},
		{
			Name: "id-may-be-used-again-after-its-answer", Clauses: []string{"MSG-14"}, Framings: suite.BothFramings,
			Cause: "The worker remembers IDs for ever, or frees an ID only after its answer has left, and a fast caller has used it again by then.",
			Run:   idMayBeUsedAgainAfterItsAnswer,
		},
		{
			Name: "id-is-free-again-when-its-answer-begins", Clauses: []string{"MSG-14"}, Framings: suite.BothFramings,
			Cause: "When the socket does not take an answer at once, the worker keeps its ID outstanding until all of it has left, or for ever.",
			Run:   idIsFreeAgainWhenItsAnswerBegins,
		},
		{
			Name: "same-id-on-two-connections-is-legal", Clauses: []string{"MSG-14"}, Framings: suite.BothFramings,
			Cause: "The worker keeps outstanding requests in one table for all connections, by ID alone, so the callers need IDs that differ.",
			Run:   sameIDOnTwoConnectionsIsLegal,
		},
		{
			Name: "violation-leaves-other-connections-alone", Clauses: []string{"WRK-16"}, Framings: suite.BothFramings,
			Cause: "An exception that should end one connection ends the loop that serves all of them.",
			Run:   violationLeavesOtherConnectionsAlone,
		},
	}
}

func headerAndMessageMustBearOneID(t *T) {
	p := t.start()
	other := p.connectServed(t.Framing)
	const id = 0x1234
	for _, c := range []struct {
		header    uint64
		enveloped bool
		what      string
	}{
		{id ^ 1, false, "the last bit"}, {id ^ 1<<63, false, "the first bit"}, {id ^ 1<<32, true, "a bit in the middle"},
		{id << 32, false, "the byte order of halves"}, {0, false, "no ID in the header"},
	} {
		payload := wire.Request(id, "exit", ranStatus.body())
		if c.enveloped {
			payload = wire.Envelope("request", payload)
		}
		q := p.connectServed(t.Framing)
		q.send(wire.Encode(spec.Enhanced, c.header, payload))
		what := fmt.Sprintf("a message of ID %d under the header's ID %d: %s", id, c.header, c.what)
		q.mustClose("MSG-13", "the connection is closed after "+what)
		p.mustSurvive("MSG-13", other, other.ask("echo", `"still served"`), what)
	}
	q := p.connectServed(t.Framing)
	q.send(append(wire.Encode(spec.Enhanced, id^1, wire.Request(id, "echo", "1")), exitFrame(spec.Enhanced, ranStatus)...))
	q.mustClose("MSG-13", "the connection is closed after a message of another ID than its header's, with a good frame behind it")
	p.mustSurvive("MSG-13", other, other.ask("echo", `"still served"`), "a good frame behind a message of another ID than its header's")
}

// repeatedOutstandingIDClosesTheConnection sleeps for half the patience in its first request. The second request, in the
// same write, comes well before that has ended. And if the worker runs one handler at a time, the call on another
// connection afterwards is still answered in time.
func repeatedOutstandingIDClosesTheConnection(t *T) {
	p := t.startFresh()
	other := p.connectServed(t.Framing)
	q := p.connectServed(t.Framing)
	first := wire.Encode(t.Framing, 7, wire.Request(7, "sleep", sleepFor(t.Patience()/2)))
	q.send(append(first, wire.Encode(t.Framing, 7, wire.Request(7, "echo", `"second"`))...))
	q.mustClose("MSG-14", "the connection is closed when request 7 comes while another request 7 is outstanding")
	other.call("WRK-16", "echo", `"another connection goes on"`)
}

func idMayBeUsedAgainAfterItsAnswer(t *T) {
	q := t.start().connect(setUp, t.Framing)
	began := time.Now()
	for i := 0; i < 200 && time.Since(began) < t.Patience()/4; i++ {
		body := fmt.Sprintf(`"use %d"`, i)
		q.request(5, "echo", body)
		q.mustEcho("MSG-14", 5, body)
	}
	q.request(6, "fail", `{"message":"on purpose"}`)
	q.await("MSG-14", 6)
	q.request(6, "echo", `"again"`)
	q.mustEcho("MSG-14", 6, `"again"`)
}

// idIsFreeAgainWhenItsAnswerBegins uses an ID again when the first byte of its answer has come and the rest, which is
// more than a socket buffers, has not. Then it does the same after large and small answers to requests of one write.
func idIsFreeAgainWhenItsAnswerBegins(t *T) {
	p := t.start()
	q := p.connectUnread(setUp, t.Framing)
	q.request(7, "blob", unreadBlob)
	q.awaitFirstByte(setUp)
	q.request(7, "echo", `"as soon as the answer begins"`)
	q.startReading()
	for range 2 {
		q.await("MSG-14", 7)
	}
	q.close()
	q = p.connectUnread(setUp, t.Framing)
	var joined []byte
	ids := []uint64{1001, 1002, 1003, 1004, 1005}
	for i, id := range ids {
		method, body := "blob", unreadBlob
		if i%2 == 1 {
			method, body = "echo", `"in between"`
		}
		q.expect(id)
		joined = append(joined, wire.Encode(t.Framing, id, wire.Request(id, method, body))...)
	}
	q.send(joined)
	q.awaitFirstByte(setUp)
	q.startReading()
	for _, id := range ids {
		q.await("WRK-9", id)
		q.request(id, "echo", `"again"`)
		q.mustEcho("MSG-14", id, `"again"`)
	}
}

// sameIDOnTwoConnectionsIsLegal has the same ID outstanding on three connections. Each caller gets its own answer.
func sameIDOnTwoConnectionsIsLegal(t *T) {
	const id = 4242
	p := t.start()
	first, second, third := p.connectServed(t.Framing), p.connectServed(t.Framing), p.connectServed(t.Framing)
	first.request(id, "sleep", sleepFor(shortSleep))
	second.request(id, "sleep", sleepFor(shortSleep))
	third.request(id, "echo", `"of the third connection"`)
	third.mustEcho("MSG-14", id, `"of the third connection"`)
	for _, q := range []*peer{first, second} {
		if r := q.awaitReply("MSG-14", id); !r.answer.OK {
			q.fail("MSG-14", fmt.Sprintf("request %d is answered on each of three connections", id), "an error", r)
		}
		q.call("MSG-14", "echo", `"the connection goes on"`)
	}
}

func violationLeavesOtherConnectionsAlone(t *T) {
	p := t.startFresh()
	other := p.connectServed(t.Framing)
	outstanding := other.ask("sleep", sleepFor(shortSleep))
	q := p.connectServed(t.Framing)
	first := wire.Encode(t.Framing, 7, wire.Request(7, "sleep", sleepFor(shortSleep)))
	q.send(append(first, wire.Encode(t.Framing, 7, wire.Request(7, "echo", `"second"`))...))
	if t.Framing == spec.Enhanced {
		q = p.connectServed(t.Framing)
		q.send(wire.Encode(spec.Enhanced, 8, wire.Request(9, "echo", `"other IDs"`)))
	}
	if got := other.await("WRK-16", outstanding); !got.OK {
		t.Fail("WRK-16", "an outstanding call of another connection is answered", "the error %q", got.Error)
	}
	other.call("WRK-16", "echo", `"still served"`)
	p.connect("WRK-16", t.Framing).call("WRK-16", "echo", `"a new connection"`)
}
