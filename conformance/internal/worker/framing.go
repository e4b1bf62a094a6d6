package worker

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// framingCase is also the case that the preflight reports when the worker speaks only one framing.
func framingCase() testCase {
	return testCase{
		Name: "framing-is-told-by-the-first-two-bytes", Clauses: []string{"STR-7"}, NeedsBoth: true,
		Cause: "The worker fixes the framing for the whole process, or keeps it in one place for all connections, or expects the first two bytes in one read.",
		Run:   framingIsToldByTheFirstTwoBytes,
	}
}

func framingCases() []testCase { return []testCase{framingCase()} }

func framingIsToldByTheFirstTwoBytes(t *T) {
	p := t.start()
	other := p.connectServed(spec.Enhanced)
	p.connectServed(spec.Enhanced) // two of one framing at once, so that a failure below is about the framings

	// Calls in turn on six connections of both framings.
	var peers []*peer
	for i := range 6 {
		peers = append(peers, p.connect(setUp, suite.BothFramings[i%2]))
	}
	for round := range 3 {
		for i, q := range peers {
			body := fmt.Sprintf(`"round %d of connection %d"`, round, i)
			q.mustEcho("STR-7", q.ask("echo", body), body)
		}
	}

	// The first two bytes come one by one, with a call of another connection in between.
	for _, f := range suite.BothFramings {
		q := p.connect(setUp, f)
		id := uint64(1)
		q.expect(id)
		frame := wire.Encode(f, id, wire.Request(id, "echo", `"in pieces"`))
		for _, cut := range [][]byte{frame[:1], frame[1:2], frame[2:3], frame[3:]} {
			q.send(cut)
			other.call(setUp, "echo", `"beside"`)
		}
		q.mustEcho("STR-7", id, `"in pieces"`)
	}

	// Later bytes look like the magic of the other framing.
	q := p.connect(setUp, spec.Basic)
	q.mustEcho("STR-7", q.ask("echo", `"PYPYPYPYPYPYPYPYPY"`), `"PYPYPYPYPYPYPYPYPY"`)
}
