package framer

import (
	"io"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

const (
	claimedRemotely = 512 << 20 // bytes of payload that the peer claims
	// remoteBound is how much the claim may add to the peak of a process, in bytes: far more than an interpreter
	// reserves for a thread or for a heap that grows.
	remoteBound = claimedRemotely / 2
)

// claimInOtherProcess compares the peaks of two processes of the framer. In both it reads a right frame and waits; in
// one of them it has also read the header of a large payload.
func claimInOtherProcess(t *T) {
	right := wire.Encode(t.Framing, 1, []byte("123456789"))
	for _, part := range payloadParts() {
		claiming := slices.Concat(right, wire.Claim(t.Framing, 7, claimedRemotely), part)
		t.Saw("peer → framer", t.Framing, claiming)
		grown := t.peakGrowth(right, claiming)
		if grown.Most() < remoteBound {
			continue
		}
		t.FailNow("FRM-11", "memory that grows with the bytes that have arrived",
			"the process needs %d MB more at its peak, %d MB of them resident, where the peer claims %d MB and sends %d bytes",
			grown.Most()>>20, grown.Resident>>20, claimedRemotely>>20, len(claiming))
	}
}

// peakGrowth returns how much more memory a process needs at its peak to read much than to read little. It is the lesser
// of two measurements, unless the first is below the bound.
func (t *T) peakGrowth(little, much []byte) (least proc.Peak) {
	for i := range 2 { // a heap may grow by chance
		without, with := t.peakMemory(little), t.peakMemory(much)
		grown := proc.Peak{Resident: with.Resident - without.Resident, Reserved: with.Reserved - without.Reserved}
		if i == 0 || grown.Most() < least.Most() {
			least = grown
		}
		if least.Most() < remoteBound {
			break
		}
	}
	return least
}

// peakMemory returns the peak of a new process in which a framer has read these bytes and waits for more. It ends the case
// if the framer does not wait.
func (t *T) peakMemory(sent []byte) (p proc.Peak) {
	s := sendThenSilence(sent)
	defer s.close()
	var known, waits bool
	var r reading
	trouble, _ := t.attempt(func() {
		f := t.open(stream{s, io.Discard}, Options{t.Framing, claimedRemotely})
		var err error
		waits, err = f.remote().ReadAlone(func(pid int) { p, known = proc.PeakOf(pid) })
		t.endCallOn(err)
		if !waits {
			r = readFrames(f, toTheEnd)
		}
	}, s)
	const want = "the framer waits for more"
	switch {
	case trouble != "":
		t.FailNow("FRM-11", want, "%s", trouble)
	case r.end.is(spec.TooLarge):
		t.FailNow("FRM-8", "a payload of exactly max_payload bytes accepted", "%s", r.describeEnd())
	case !waits:
		t.FailNow("FRM-11", want, "%s, then %s", text.Plural(len(r.frames), "frame"), r.describeEnd())
	case !known:
		t.Unsupported("the peak memory of another process cannot be read on this system")
	}
	return p
}
