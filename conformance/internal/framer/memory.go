package framer

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// memoryCases measure the memory of the process where the framer lives. For a framer in Go that is this process.
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
	claimed     = 32 << 20 // bytes of payload that each of them claims
	memoryBound = 64 << 20 // bytes allocated for all of them: generous, and a quarter of what they claim

	// stopAt is how many bytes a framer may allocate in all before it is stopped at its next Read: it has broken the
	// clause long before, and one whose buffer grows at each Read would take all memory of the machine.
	stopAt = 2 * memoryBound
	// heapBound is by how many bytes the heap of this process may grow in any other case before the framer that reads
	// next is stopped. Nothing is known then, because other cases run at the same time.
	heapBound = 2 << 30
)

// claimsWithoutPayload opens streams on which a peer claims a large payload and sends only its first bytes. It measures
// what was allocated by the time the framers ask for more.
func claimsWithoutPayload(t *T) {
	right := plainRight(t.Framing)
	t.mustRead(expectation{FrameVector: right, deliveries: []delivery{whole(right)}}) // a framer that refuses every header allocates nothing
	if t.inOtherProcess() {
		claimInOtherProcess(t)
		return
	}
	for _, part := range payloadParts() {
		sent := append(wire.Claim(t.Framing, 7, claimed), part...)
		t.Saw(fmt.Sprintf("each of %d peers → its framer", claimants), t.Framing, sent)
		if n := t.leastAllocated(sent, claimants, 1); n >= memoryBound {
			t.FailNow("FRM-11", fmt.Sprintf("memory that grows with the bytes that have arrived, so far below %d MB for all of them", memoryBound>>20),
				"%d MB allocated by the time the framers asked for more; each peer claims %d MB and sends %d bytes", n>>20, claimed>>20, len(sent))
		}
	}
}

// payloadParts are what comes of the claimed payload: a few bytes, and more than any usual buffer holds.
func payloadParts() [][]byte {
	return [][]byte{[]byte("only this comes"), make([]byte, 40_000), make([]byte, 300_000)}
}

// manyFramesOfOneSize has a peer send frames of one size, for which a framer needs one buffer.
func manyFramesOfOneSize(t *T) {
	const size = 100_000
	v := rightVector(t.Framing, size, spec.Frame{ID: 7, Payload: make([]byte, size)})
	t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
	frames := 5 // so few that a buffer which doubles with each of them fits into this process
	if t.inOtherProcess() {
		frames = 12
	}
	sent := bytes.Repeat(v.Bytes, frames)
	t.Note("peer → framer", "%d frames with payloads of %d bytes, at once, and after them nothing", frames, size)
	if t.inOtherProcess() {
		if grown := t.peakGrowth(v.Bytes, sent); grown.Most() >= remoteBound {
			t.Fail("FRM-11", "memory that grows with the bytes that have arrived",
				"the process needs %d MB more at its peak for %d frames than for one, %d MB of them resident, where %d KB more have come",
				grown.Most()>>20, frames, grown.Resident>>20, (len(sent)-len(v.Bytes))>>10)
		}
		return
	}
	if n := t.leastAllocated(sent, 1, toTheEnd); n >= memoryBound {
		t.Fail("FRM-11", fmt.Sprintf("memory that grows with the bytes that have arrived, so far below %d MB", memoryBound>>20),
			"%d MB allocated by the time the framer asked for more, where %d KB have come", n>>20, len(sent)>>10)
	}
}

// leastAllocated returns the least of up to three measurements, in bytes, because other parts of this process allocate,
// too. The first one below the bound is enough.
func (t *T) leastAllocated(sent []byte, peers, frames int) (least uint64) {
	for i := range 3 {
		if n := t.allocatedBy(sent, peers, frames); i == 0 || n < least {
			least = n
		}
		if least < memoryBound {
			break
		}
	}
	return least
}

// allocatedBy has a framer for each peer read so many frames, of which the last does not come. It returns how many bytes
// were allocated by the time all framers asked for more.
func (t *T) allocatedBy(sent []byte, peers, frames int) uint64 {
	start := allocated()
	for range peers {
		s := sendThenSilence(sent)
		s.tooMuch = func() bool { return allocated()-start > stopAt }
		defer s.close()
		t.waitForMore(s, t.readBeside(s, frames))
	}
	return allocated() - start
}

// readBeside has a framer read so many frames in a goroutine of its own. The reading comes through the channel.
func (t *T) readBeside(s *source, frames int) <-chan reading {
	done := make(chan reading, 1)
	go func() {
		r := reading{trouble: "a panic"}
		defer func() {
			_ = recover() // the reading says so
			done <- r
		}()
		r = readFrames(t.open(stream{s, io.Discard}, Options{Framing: t.Framing, MaxPayload: claimed}), frames)
	}()
	return done
}

// waitForMore waits until the framer has read all that the source has and asks for more. It ends the case if the framer
// returns before.
func (t *T) waitForMore(s *source, done <-chan reading) {
	timer := suite.NewTimer(t.Patience())
	defer timer.Stop()
	select {
	case <-s.exhausted:
	case r := <-done:
		if s.wasStopped() {
			t.Note("suite", "stops the framer, for which more than %d MB were allocated", stopAt>>20)
			return
		}
		if r.end.is(spec.TooLarge) {
			t.FailNow("FRM-8", "a payload of exactly max_payload bytes accepted", "%s", r.describeEnd())
		}
		t.Blocked("a framer came back before it had asked for more, so there is nothing to measure: %d frames, %s", len(r.frames), r.describeEnd())
	case <-t.Stopped():
		t.Stop()
	case <-timer.C:
		t.Blocked("a framer has not asked for more within %v, so there is nothing to measure", t.Patience())
	}
}

// allocated returns how many bytes this process has allocated since its start, freed ones included.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// heapHasGrown reports whether the heap of this process has grown by more than heapBound since the run began. It looks a
// hundred times a second at most, because a look makes other goroutines wait.
func (s *shared) heapHasGrown() bool {
	const interval = int64(10 * time.Millisecond)
	now, last := time.Now().UnixNano(), s.heapLook.Load()
	return now-last > interval && s.heapLook.CompareAndSwap(last, now) && liveHeap()-s.heap > heapBound
}

// liveHeap returns how many bytes the objects on the heap of this process take, those that are garbage included.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
