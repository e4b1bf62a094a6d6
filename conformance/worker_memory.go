package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

func workerMemoryCases() []workerCase {
	return []workerCase{
		{Case: Case{
			Name: "claimed-length-sets-no-memory-aside", Clauses: []string{"WRK-23"}, Framings: bothFramings,
			Cause: "A buffer of the claimed length is made before the bytes are there. Let it grow with what arrives.",
		}, run: claimedLengthSetsNoMemoryAside},
	}
}

// claimedLengthSetsNoMemoryAside has 50 connections begin a small request first, so that what a worker needs for each
// in the middle of a payload is there, such as a thread. Then each ends it, claims the largest payload and sends one
// byte of it.
func claimedLengthSetsNoMemoryAside(t *workerT) {
	p := t.startFresh()
	const n = 50
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = p.served(t.Framing)
	}
	watch := p.served(t.Framing)
	small := encode(t.Framing, 1, append(request(1, "echo", "1"), bytes.Repeat([]byte(" "), 100)...))
	begun := len(small) - 99
	for _, q := range peers {
		q.expect(1)
		q.send(small[:begun])
	}
	var before memory
	for range 20 {
		watch.call(setUp, "echo", `"before the claims"`)
		now := p.memory()
		before.resident = max(before.resident, now.resident)
		before.writable = max(before.writable, now.writable)
	}
	if before.resident == 0 {
		t.Blocked("the memory of the worker cannot be read on this system")
	}
	for _, q := range peers {
		q.send(small[begun:])
		q.await(setUp, 1)
	}
	claim := append(encodeWith(1, nil, func(h *header) { h.length = enhancedHeader + defaultMaxPayload }), '{')
	if t.Framing == Basic {
		claim = append(binary.BigEndian.AppendUint32(nil, defaultMaxPayload), '{')
	}
	for _, q := range peers {
		q.send(claim)
	}
	const claimed = n * defaultMaxPayload
	worst := memory{}
	for range 20 { // later calls, so that the worker has come to read the claims
		watch.call(setUp, "echo", `"after the claims"`)
		now := p.memory()
		worst.resident = max(worst.resident, now.resident-before.resident)
		worst.writable = max(worst.writable, now.writable-before.writable)
	}
	t.Note("suite", "%d connections claimed %d MB; the worker's resident memory grew by %d MB, its writable by %d MB",
		n, claimed>>20, worst.resident>>20, worst.writable>>20)
	for _, m := range []struct {
		what         string
		grown, bound int64 // far above what 50 connections of a right worker need, far below the claims
	}{{"resident", worst.resident, claimed / 4}, {"writable", worst.writable, claimed / 2}} {
		if m.grown > m.bound {
			t.Fail("WRK-23", fmt.Sprintf("memory that grows with the %d bytes that %d connections sent", n*len(claim), n),
				"%d MB more of %s memory, where %d MB were claimed", m.grown>>20, m.what, claimed>>20)
			break
		}
	}
}

// memory is what a process holds, in bytes. Writable memory was asked for and may not have been touched
// yet; it is known on Linux only.
type memory struct{ resident, writable int64 }

// memory sums up what the worker and the processes that it started hold.
func (p *process) memory() memory {
	var sum memory
	for _, pid := range allProcesses() {
		if p.isWithin(pid) {
			one, _ := processOf(pid)
			sum.resident += one.resident
			sum.writable += one.writable
		}
	}
	return sum
}
