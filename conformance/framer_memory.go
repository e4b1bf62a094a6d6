package conformance

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// memoryCases measure the memory of this process, which is where a framer written in Go has its own, or of the
// process where the framer lives.
func memoryCases() []framerCase {
	return []framerCase{{Case{
		Name: "claimed-length-sets-no-memory-aside", Clauses: []string{"FRM-11"}, Framings: bothFramings, Serial: true,
		Cause: "A buffer of the claimed size is made before the payload is read: make([]byte, length) and io.ReadFull.",
	}, claimsWithoutPayload}}
}

const (
	claimants   = 8
	claimed     = 32 << 20 // bytes of payload that each claims
	memoryBound = 64 << 20 // for all of them together: generous, and a quarter of what they claim
)

// claimsWithoutPayload opens streams on which a peer claims a large payload and sends its first bytes,
// and looks at what was allocated when the framers have asked for more.
func claimsWithoutPayload(t *framerT) {
	right := plainRight(t.Framing)
	t.holds(demand{FrameVector: right, deliveries: []delivery{whole(right)}}) // or it may refuse the header
	if t.elsewhere() {
		claimsElsewhere(t)
		return
	}
	sent := append(claim(t.Framing, 7, claimed), ofIt...)
	t.Saw(fmt.Sprintf("each of %d peers → its framer", claimants), t.Framing, sent)

	// What else runs in this process allocates too, so the least of some measurements counts.
	var least uint64
	for i := range 3 {
		if n := t.allocatedFor(sent); i == 0 || n < least {
			least = n
		}
		if least < memoryBound {
			return
		}
	}
	t.Fail("FRM-11", fmt.Sprintf("memory that grows with the bytes that have arrived, so far below %d MB for all of them", memoryBound>>20),
		"%d MB allocated by the time the framers asked for more; each peer claims %d MB", least>>20, claimed>>20)
}

const ofIt = "only this comes" // of the payload

// allocatedFor has several framers wait for the rest of a frame and returns how many bytes were
// allocated for that.
func (t *framerT) allocatedFor(sent []byte) uint64 {
	start := allocated()
	back := make(chan reading, claimants)
	for range claimants {
		s := silent(sent)
		defer s.close()
		go func() {
			r := reading{end: "a panic"}
			defer func() {
				_ = recover() // told as the end of this reading
				back <- r
			}()
			r = readFrames(t.open(stream{s, io.Discard}, FramerOptions{Framing: t.Framing, MaxPayload: claimed}), 1)
		}()
		timer := time.NewTimer(t.Patience())
		defer timer.Stop()
		select {
		case <-s.hungry:
		case r := <-back:
			if r.end == string(TooLarge) {
				t.FailNow("FRM-8", "a payload of exactly max_payload bytes accepted", "%s", r.tellEnd())
			}
			t.Blocked("a framer came back before it had asked for more, so there is nothing to measure: %d frames, %s", len(r.frames), r.tellEnd())
		case <-t.stopped():
			t.stop()
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
