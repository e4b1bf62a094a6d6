package conformance

import "fmt"

// framingCase is also what the preflight reports where a worker speaks one framing only.
func framingCase() workerCase {
	return workerCase{
		Case: Case{
			Name:    "framing-is-told-by-the-first-two-bytes",
			Clauses: []string{"STR-7"},
			Cause:   "The framing is fixed for the whole process, or kept in one place for all connections, or the first two bytes are taken to come in one read.",
		},
		bothFramings: true,
		run:          framingIsToldByTheFirstTwoBytes,
	}
}

func workerFramingCases() []workerCase { return []workerCase{framingCase()} }

func framingIsToldByTheFirstTwoBytes(t *workerT) {
	p := t.start()
	other := p.served(Enhanced)
	p.served(Enhanced) // two of one framing at once, so that what follows is about the framings

	// Turn by turn on one process, all connections open.
	var peers []*peer
	for i := range 6 {
		peers = append(peers, p.connect(setUp, bothFramings[i%2]))
	}
	for round := range 3 {
		for i, q := range peers {
			body := fmt.Sprintf(`"round %d of connection %d"`, round, i)
			q.mustEcho("STR-7", q.ask("echo", body), body)
		}
	}

	// The first two bytes one by one, with another connection's call in between.
	for _, f := range bothFramings {
		q := p.connect(setUp, f)
		id := uint64(1)
		q.expect(id)
		frame := encode(f, id, request(id, "echo", `"in pieces"`))
		for _, cut := range [][]byte{frame[:1], frame[1:2], frame[2:3], frame[3:]} {
			q.send(cut)
			other.call(setUp, "echo", `"beside"`)
		}
		q.mustEcho("STR-7", id, `"in pieces"`)
	}

	// Bytes that look like the other framing's, deeper in the stream.
	q := p.connect(setUp, Basic)
	q.mustEcho("STR-7", q.ask("echo", `"PYPYPYPYPYPYPYPYPY"`), `"PYPYPYPYPYPYPYPYPY"`)
}
