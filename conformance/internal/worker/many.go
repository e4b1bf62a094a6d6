package worker

import (
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func manyCases() []testCase {
	return []testCase{
		{
			Name: "answers-bear-the-ids-of-their-requests", Clauses: []string{"RID-8"}, Framings: suite.BothFramings,
			Cause: "The worker keeps the ID to answer under with the connection instead of the request, or sends errors under ID 0.",
			Run:   answersBearTheIDsOfTheirRequests,
		},
		{
			Name: "many-connections-are-served-at-once", Clauses: []string{"WRK-7"},
			Cause: "The worker serves connections one after the other, or with a fixed number of threads.",
			Run:   manyConnectionsAreServedAtOnce,
		},
		{
			Name: "connections-that-waited-to-be-accepted-are-served", Clauses: []string{"WRK-7"},
			Cause: "The worker accepts one connection each time it is woken, so the others wait until one more comes.",
			Run:   connectionsThatWaitedToBeAcceptedAreServed,
		},
		{
			Name: "many-requests-are-outstanding-on-one-connection", Clauses: []string{"WRK-9"}, Framings: suite.BothFramings,
			Cause: "The worker drops what it has read beyond the first frame, or its queue of fixed length overflows.",
			Run:   manyRequestsAreOutstandingOnOneConnection,
		},
		{
			Name: "frames-of-one-write-are-all-answered", Clauses: []string{"WRK-9"}, Framings: suite.BothFramings,
			Cause: "The worker takes one frame from each read and then waits for more bytes, though the next frame is already there.",
			Run:   framesOfOneWriteAreAllAnswered,
		},
		{
			Name: "requests-behind-a-long-one-are-answered", Clauses: []string{"WRK-9"}, Framings: suite.BothFramings,
			Cause: "The worker drops or refuses requests that come while a handler runs.",
			Run:   requestsBehindALongOneAreAnswered,
		},
		{
			Name: "requests-of-every-kind-in-one-write-are-answered", Clauses: []string{"WRK-9"}, Framings: suite.BothFramings,
			Cause: "The worker handles a request that had to wait for others in another way than one that it runs at once.",
			Run:   requestsOfEveryKindInOneWriteAreAnswered,
		},
		{
			Name: "connection-that-has-carried-much-goes-on", Clauses: []string{"WRK-9"}, Framings: []spec.Framing{spec.Basic}, Late: true,
			Cause: "The worker counts the bytes that wait to be sent up but not down again, until it reads no more.",
			Run:   connectionThatHasCarriedMuchGoesOn,
		},
	}
}

// answersBearTheIDsOfTheirRequests mixes slow calls with fast ones, and errors with results. The body of each answer says
// which request it is for.
func answersBearTheIDsOfTheirRequests(t *T) {
	q := t.start().connect(setUp, t.Framing)
	const n = 60
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(i*i*7919 + 1003)
		switch i % 6 {
		case 0:
			q.request(ids[i], "sleep", sleepFor(time.Duration(n-i)*time.Millisecond))
		case 1:
			q.request(ids[i], "fail", fmt.Sprintf(`{"message":"failure %d"}`, ids[i]))
		default:
			q.request(ids[i], "echo", fmt.Sprintf(`{"mine":%d}`, ids[i]))
		}
	}
	for i, id := range ids {
		r := q.awaitReply("RID-8", id)
		if i%6 > 1 {
			if d := wire.DiffJSON(fmt.Appendf(nil, `{"mine":%d}`, id), r.answer.Body); d != "" {
				q.fail("RID-8", fmt.Sprintf("the answer to request %d under its ID", id), d, r)
			}
		}
	}
	q.nothingElse("RID-8", "answers under the IDs of requests and under no other")
}

func manyConnectionsAreServedAtOnce(t *T) {
	p := t.start()
	const n = 64
	peers := make([]*peer, n)
	ids := make([]uint64, n)
	for i := range peers {
		peers[i] = p.connect("WRK-7", t.anyFraming())
	}
	for _, c := range []struct {
		order    string
		reversed bool
	}{{"first to last", false}, {"last to first", true}} {
		t.Note("suite", "%d connections are open, and all call, %s", n, c.order)
		for i := range peers {
			if c.reversed {
				i = n - 1 - i
			}
			ids[i] = peers[i].ask("echo", fmt.Sprintf(`"connection %d"`, i))
		}
		for i, q := range peers {
			q.mustEcho("WRK-7", ids[i], fmt.Sprintf(`"connection %d"`, i))
		}
	}
}

// connectionsThatWaitedToBeAcceptedAreServed stops the worker's processes until its accept queue is full, or holds 64
// connections with a request on each, and lets them go on.
func connectionsThatWaitedToBeAcceptedAreServed(t *T) {
	p := t.startFresh()
	p.stopGroup()
	var peers []*peer
	for len(peers) < 64 {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: p.socket, Net: "unix"})
		if err != nil {
			t.Note("suite", "%d connections wait to be accepted, and for another one: %v", len(peers), err)
			break
		}
		peers = append(peers, newPeer(p, conn, t.anyFraming()))
	}
	ids := make([]uint64, len(peers))
	for i, q := range peers {
		ids[i] = q.ask("echo", fmt.Sprintf(`"connection %d"`, i))
		q.startReading()
	}
	p.signalGroup(syscall.SIGCONT)
	for i, q := range peers {
		q.mustEcho("WRK-7", ids[i], fmt.Sprintf(`"connection %d"`, i))
		if t.oneAtATime {
			q.close()
		}
	}
}

func manyRequestsAreOutstandingOnOneConnection(t *T) {
	q := t.start().connect(setUp, t.Framing)
	const n = 1500
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = q.ask("echo", fmt.Sprintf(`[%d,"one of many"]`, i))
	}
	q.mustEchoAll("WRK-9", ids, `[%d,"one of many"]`)
	q.nothingElse("MSG-1", "exactly one answer to each request")
}

// framesOfOneWriteAreAllAnswered sends 300 requests in one write, except for the last bytes of the last one, which it
// sends when the others are answered.
func framesOfOneWriteAreAllAnswered(t *T) {
	q := t.start().connect(setUp, t.Framing)
	const n = 300
	var joined []byte
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(i + 1)
		q.expect(ids[i])
		joined = append(joined, wire.Encode(t.Framing, ids[i], wire.Request(ids[i], "echo", fmt.Sprintf(`[%d,"of one write"]`, i)))...)
	}
	cut := len(joined) - 5 // the last frame is finished later
	q.send(joined[:cut])
	q.mustEchoAll("WRK-9", ids[:n-1], `[%d,"of one write"]`)
	q.send(joined[cut:])
	q.mustEcho("WRK-9", ids[n-1], fmt.Sprintf(`[%d,"of one write"]`, n-1))
}

// requestsOfEveryKindInOneWriteAreAnswered keeps the worker busy with large answers, so that it handles the requests
// behind them later, those that sleep and those that fail included.
func requestsOfEveryKindInOneWriteAreAnswered(t *T) {
	q := t.start().connect(setUp, t.Framing)
	kinds := []struct {
		method, body string
		ok           bool
	}{
		{"blob", `{"size":200000}`, true}, {"sleep", `{"ms":1}`, true}, {"echo", `"in between"`, true}, {"fail", `{"message":"in between"}`, false},
	}
	const n = 80
	var joined []byte
	for i := range n {
		id, kind := uint64(i+1), kinds[i%len(kinds)]
		q.expect(id)
		joined = append(joined, wire.Encode(t.Framing, id, wire.Request(id, kind.method, kind.body))...)
	}
	q.send(joined)
	for i := range n {
		kind := kinds[i%len(kinds)]
		if got := q.await("WRK-9", uint64(i+1)); got.OK != kind.ok {
			t.Fail("WRK-9", fmt.Sprintf("`%s` %s, one of %d requests in one write, answered as it is when it comes alone", kind.method, kind.body, n),
				"\"ok\": %v, %s", got.OK, text.Clip(got.Error, 200))
		}
	}
}

// connectionThatHasCarriedMuchGoesOn has 64 MB of answers sent on one connection, more than a worker buffers for it.
func connectionThatHasCarriedMuchGoesOn(t *T) {
	t.allowForLargePayloads()
	q := t.start().connect(setUp, t.Framing)
	for range 16 {
		id := q.ask("blob", `{"size":4000000}`) // twice that where JSON escapes its characters
		if got := q.await("WRK-9", id); !got.OK {
			t.Fail("WRK-9", "4 MB of `blob`", "the error %q", text.Clip(got.Error, 200))
		}
	}
	q.mustEcho("WRK-9", q.ask("echo", `"after 64 MB"`), `"after 64 MB"`)
}

// mustEchoAll waits for the answers to echoes, whose bodies are body with the index of each in place of its %d.
func (q *peer) mustEchoAll(clause string, ids []uint64, body string) {
	for i, id := range ids {
		q.mustEcho(clause, id, fmt.Sprintf(body, i))
	}
}

func requestsBehindALongOneAreAnswered(t *T) {
	q := t.start().connect(setUp, t.Framing)
	slow := q.ask("sleep", sleepFor(shortSleep))
	quick := make([]uint64, 20)
	for i := range quick {
		quick[i] = q.ask("echo", fmt.Sprintf(`"behind: %d"`, i))
	}
	q.mustEchoAll("WRK-9", quick, `"behind: %d"`)
	if got := q.await("WRK-9", slow); !got.OK {
		t.Fail("WRK-9", "the answer of `sleep`", "the error %q", got.Error)
	}
}
