package worker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func memoryCases() []testCase {
	return []testCase{
		{
			Name: "claimed-length-sets-no-memory-aside", Clauses: []string{"WRK-23"}, Framings: suite.BothFramings,
			Cause: "The worker makes a buffer of the claimed length before the bytes are there. Let the buffer grow with what arrives.",
			Run:   claimedLengthSetsNoMemoryAside,
		},
	}
}

// claimedLengthSetsNoMemoryAside measures the memory of the worker while 50 connections are in the middle of a small payload,
// so that what the worker needs for each of those, such as a thread, is there. Then each connection ends its request, claims
// the largest payload and sends one byte of it, and the memory is measured again.
//
// A worker that serves one connection at a time is measured with one claim, from outside. What it sets aside is then seen
// only if that happens while the suite looks.
func claimedLengthSetsNoMemoryAside(t *T) {
	if t.oneAtATime {
		t.oneClaimSetsNoMemoryAside()
		return
	}
	p := t.startFresh()
	const connections = 50
	peers := make([]*peer, connections)
	for i := range peers {
		peers[i] = p.connectServed(t.Framing)
	}
	watch := p.connectServed(t.Framing)
	small := wire.Encode(t.Framing, 1, append(wire.Request(1, "echo", "1"), bytes.Repeat([]byte(" "), 100)...))
	begun := len(small) - 99
	for _, q := range peers {
		q.expect(1)
		q.send(small[:begun])
	}
	before := watch.mostMemory(`"before the claims"`)
	if before.Resident == 0 {
		t.Blocked("the memory of the worker cannot be read on this system")
	}
	for _, q := range peers {
		q.send(small[begun:])
		q.await(setUp, 1)
	}
	claim := largestClaim(t.Framing)
	for _, q := range peers {
		q.send(claim)
	}
	const claimed = connections * spec.DefaultMaxPayload
	after := watch.mostMemory(`"after the claims"`)
	resident, writable := max(0, after.Resident-before.Resident), max(0, after.Writable-before.Writable)
	t.Note("suite", "%d connections claimed %d MB; the worker's resident memory grew by %d MB, its writable by %d MB",
		connections, claimed>>20, resident>>20, writable>>20)
	for _, m := range []struct {
		what         string
		grown, bound int64 // far above what 50 connections of a right worker need, far below the claims
	}{{"resident", resident, claimed / 4}, {"writable", writable, claimed / 2}} {
		if m.grown > m.bound {
			t.Fail("WRK-23", fmt.Sprintf("memory that grows with the %d bytes that %d connections sent", connections*len(claim), connections),
				"%d MB more of %s memory, where %d MB were claimed", m.grown>>20, m.what, claimed>>20)
			break
		}
	}
}

// oneClaimSetsNoMemoryAside tries three workers, because memory may grow for other reasons too: the clause fails if it grew
// by most of the claim in each of them.
func (t *T) oneClaimSetsNoMemoryAside() {
	const bound = spec.DefaultMaxPayload * 3 / 4
	var grown int64
	for range 3 {
		if grown = t.startFresh().grownByOneClaim(); grown <= bound {
			return
		}
	}
	t.Fail("WRK-23", "memory that grows with the bytes that arrive", "%d MB more in each of three workers, when a connection claimed %d MB and sent one byte of it",
		grown>>20, spec.DefaultMaxPayload>>20)
}

func (p *process) grownByOneClaim() int64 {
	q := p.connectServed(p.t.Framing)
	before := q.mostMemory(wire.Quote(strings.Repeat("x", 100_000))) // so that the buffers of a call are there
	if before.Resident == 0 {
		p.t.Blocked("the memory of the worker cannot be read on this system")
	}
	q.send(largestClaim(p.t.Framing))
	var most int64
	for range 20 {
		p.awaitExit(pollInterval) // gives the worker time to read the claim
		now := p.memory()
		most = max(most, now.Resident-before.Resident, now.Writable-before.Writable)
	}
	return most
}

// largestClaim is a header that claims max_payload, and the first byte of that payload.
func largestClaim(f spec.Framing) []byte {
	if f == spec.Basic {
		return append(binary.BigEndian.AppendUint32(nil, spec.DefaultMaxPayload), '{')
	}
	return append(wire.EncodeWith(1, nil, func(h *wire.Header) { h.Length = spec.EnhancedHeader + spec.DefaultMaxPayload }), '{')
}

// mostMemory makes 20 calls, so that the worker has read what was sent on other connections before, and returns the most
// memory of each kind that the worker held after one of them.
func (q *peer) mostMemory(body string) proc.Memory {
	var most proc.Memory
	for range 20 {
		q.call(setUp, "echo", body)
		now := q.process.memory()
		most.Resident = max(most.Resident, now.Resident)
		most.Writable = max(most.Writable, now.Writable)
	}
	return most
}

// memory returns what the worker and the processes that it started hold together.
func (p *process) memory() proc.Memory {
	var sum proc.Memory
	for _, pid := range p.processes() {
		one, _ := proc.Of(pid)
		sum.Resident += one.Resident
		sum.Writable += one.Writable
	}
	return sum
}
