package framer

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// memoryCases measure the memory of this process, which is where a framer written in Go has its own, or of the
// process where the framer lives.
func memoryCases() []testCase {
	return []testCase{
		{
			Name: "claimed-length-sets-no-memory-aside", Clauses: []string{"FRM-11"}, Framings: suite.BothFramings, Serial: true,
			Cause: "A buffer of the claimed size is made before the payload is read: make([]byte, length) and io.ReadFull.",
			Run:   claimsWithoutPayload,
		},
		{
			Name: "memory-keeps-step-with-what-arrives", Clauses: []string{"FRM-11"}, Framings: suite.BothFramings, Serial: true,
			Cause: "The buffer is doubled at each read that fills it, and not only where the frame needs more room.",
			Run:   manyFramesOfOneSize,
		},
	}
}

const (
	claimants   = 8
	claimed     = 32 << 20 // bytes of payload that each claims
	memoryBound = 64 << 20 // for all of them together: generous, and a quarter of what they claim
)

// claimsWithoutPayload opens streams on which a peer claims a large payload and sends its first bytes,
// and looks at what was allocated when the framers have asked for more.
func claimsWithoutPayload(t *T) {
	right := plainRight(t.Framing)
	t.holds(demand{FrameVector: right, deliveries: []delivery{whole(right)}}) // or it may refuse the header
	if t.elsewhere() {
		claimsElsewhere(t)
		return
	}
	sent := append(wire.Claim(t.Framing, 7, claimed), ofIt...)
	t.Saw(fmt.Sprintf("each of %d peers → its framer", claimants), t.Framing, sent)
	if n := t.leastAllocatedFor(sent, claimants, 1); n >= memoryBound {
		t.Fail("FRM-11", fmt.Sprintf("memory that grows with the bytes that have arrived, so far below %d MB for all of them", memoryBound>>20),
			"%d MB allocated by the time the framers asked for more; each peer claims %d MB", n>>20, claimed>>20)
	}
}

const ofIt = "only this comes" // of the payload

// manyFramesOfOneSize has a peer send frames that one buffer could hold one after another.
func manyFramesOfOneSize(t *T) {
	const size = 100_000
	v := rightVector(t.Framing, size, spec.Frame{ID: 7, Payload: make([]byte, size)})
	t.holds(demand{FrameVector: v, deliveries: []delivery{whole(v)}})
	frames := 5 // so few, that doubling at each of them does not end this process
	if t.elsewhere() {
		frames = 12
	}
	sent := bytes.Repeat(v.Bytes, frames)
	t.Note("peer → framer", "%d frames with payloads of %d bytes, at once, and behind them nothing", frames, size)
	if t.elsewhere() {
		if grown := t.growsElsewhere(v.Bytes, sent); grown.Most() >= boundElsewhere {
			t.Fail("FRM-11", "memory that grows with the bytes that have arrived",
				"the process needs %d MB more at its peak for %d frames than for one, %d MB of them resident, where %d KB more have come",
				grown.Most()>>20, frames, grown.Resident>>20, (len(sent)-len(v.Bytes))>>10)
		}
		return
	}
	if n := t.leastAllocatedFor(sent, 1, onward); n >= memoryBound {
		t.Fail("FRM-11", fmt.Sprintf("memory that grows with the bytes that have arrived, so far below %d MB", memoryBound>>20),
			"%d MB allocated by the time the framer asked for more, where %d KB have come", n>>20, len(sent)>>10)
	}
}

// leastAllocatedFor is the least of some measurements, as what else runs in this process allocates too. It is
// satisfied with one below the bound.
func (t *T) leastAllocatedFor(sent []byte, peers, frames int) (least uint64) {
	for i := range 3 {
		if n := t.allocatedFor(sent, peers, frames); i == 0 || n < least {
			least = n
		}
		if least < memoryBound {
			break
		}
	}
	return least
}

// allocatedFor has a framer for each peer read so many frames, of which the last does not come, and returns how
// many bytes were allocated by the time they asked for more.
func (t *T) allocatedFor(sent []byte, peers, frames int) uint64 {
	start := allocated()
	back := make(chan reading, peers)
	for range peers {
		s := silent(sent)
		defer s.close()
		go func() {
			r := reading{end: "a panic"}
			defer func() {
				_ = recover() // told as the end of this reading
				back <- r
			}()
			r = readFrames(t.open(stream{s, io.Discard}, Options{Framing: t.Framing, MaxPayload: claimed}), frames)
		}()
		timer := time.NewTimer(t.Patience())
		defer timer.Stop()
		select {
		case <-s.hungry:
		case r := <-back:
			if r.end == string(spec.TooLarge) {
				t.FailNow("FRM-8", "a payload of exactly max_payload bytes accepted", "%s", r.tellEnd())
			}
			t.Blocked("a framer came back before it had asked for more, so there is nothing to measure: %d frames, %s", len(r.frames), r.tellEnd())
		case <-t.Stopped():
			t.Stop()
		case <-timer.C:
			t.Blocked("a framer has not asked for more within %v, so there is nothing to measure", t.Patience())
		}
	}
	return allocated() - start
}

// allocated is how many bytes the process has allocated since its start, those given back included.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
