package worker

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func memoryCases() []testCase {
	return []testCase{
		{
			Name: "claimed-length-sets-no-memory-aside", Clauses: []string{"WRK-23"}, Framings: suite.BothFramings,
			Cause: "A buffer of the claimed length is made before the bytes are there. Let it grow with what arrives.",
			Run:   claimedLengthSetsNoMemoryAside,
		},
	}
}

// claimedLengthSetsNoMemoryAside has 50 connections begin a small request first, so that what a worker needs for each
// in the middle of a payload is there, such as a thread. Then each ends it, claims the largest payload and sends one
// byte of it.
func claimedLengthSetsNoMemoryAside(t *T) {
	p := t.startFresh()
	const n = 50
	peers := make([]*peer, n)
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
	var before proc.Memory
	for range 20 {
		watch.call(setUp, "echo", `"before the claims"`)
		now := p.memory()
		before.Resident = max(before.Resident, now.Resident)
		before.Writable = max(before.Writable, now.Writable)
	}
	if before.Resident == 0 {
		t.Blocked("the memory of the worker cannot be read on this system")
	}
	for _, q := range peers {
		q.send(small[begun:])
		q.await(setUp, 1)
	}
	claim := append(wire.EncodeWith(1, nil, func(h *wire.Header) { h.Length = spec.EnhancedHeader + spec.DefaultMaxPayload }), '{')
	if t.Framing == spec.Basic {
		claim = append(binary.BigEndian.AppendUint32(nil, spec.DefaultMaxPayload), '{')
	}
	for _, q := range peers {
		q.send(claim)
	}
	const claimed = n * spec.DefaultMaxPayload
	worst := proc.Memory{}
	for range 20 { // later calls, so that the worker has come to read the claims
		watch.call(setUp, "echo", `"after the claims"`)
		now := p.memory()
		worst.Resident = max(worst.Resident, now.Resident-before.Resident)
		worst.Writable = max(worst.Writable, now.Writable-before.Writable)
	}
	t.Note("suite", "%d connections claimed %d MB; the worker's resident memory grew by %d MB, its writable by %d MB",
		n, claimed>>20, worst.Resident>>20, worst.Writable>>20)
	for _, m := range []struct {
		what         string
		grown, bound int64 // far above what 50 connections of a right worker need, far below the claims
	}{{"resident", worst.Resident, claimed / 4}, {"writable", worst.Writable, claimed / 2}} {
		if m.grown > m.bound {
			t.Fail("WRK-23", fmt.Sprintf("memory that grows with the %d bytes that %d connections sent", n*len(claim), n),
				"%d MB more of %s memory, where %d MB were claimed", m.grown>>20, m.what, claimed>>20)
			break
		}
	}
}

// memory sums up what the worker and the processes that it started hold.
func (p *process) memory() proc.Memory {
	var sum proc.Memory
	for _, pid := range proc.All() {
		if p.isWithin(pid) {
			one, _ := proc.Of(pid)
			sum.Resident += one.Resident
			sum.Writable += one.Writable
		}
	}
	return sum
}

// isWithin reports whether a process is the one that was started, or one that it started.
func (p *process) isWithin(pid int) bool { return proc.IsWithin(pid, p.cmd.Process.Pid) }
