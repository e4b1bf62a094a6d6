package worker

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// framingCase is also what the preflight reports where a worker speaks one framing only.
func framingCase() testCase {
	return testCase{
		Name: "framing-is-told-by-the-first-two-bytes", Clauses: []string{"STR-7"}, NeedsBoth: true,
		Cause: "The framing is fixed for the whole process, or kept in one place for all connections, or the first two bytes are taken to come in one read.",
		Run:   framingIsToldByTheFirstTwoBytes,
	}
}

func framingCases() []testCase { return []testCase{framingCase()} }

func framingIsToldByTheFirstTwoBytes(t *T) {
	p := t.start()
	other := p.connectServed(spec.Enhanced)
	p.connectServed(spec.Enhanced) // two of one framing at once, so that what follows is about the framings

	// Turn by turn on one process, all connections open.
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

	// The first two bytes one by one, with another connection's call in between.
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

	// Bytes that look like the other framing's, deeper in the stream.
	q := p.connect(setUp, spec.Basic)
	q.mustEcho("STR-7", q.ask("echo", `"PYPYPYPYPYPYPYPYPY"`), `"PYPYPYPYPYPYPYPYPY"`)
}
