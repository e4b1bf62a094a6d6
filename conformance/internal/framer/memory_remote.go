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
	claimedElsewhere = 512 << 20 // bytes of payload that the peer claims
	// boundElsewhere is for what the claim adds to the peaks of a process: far more than an interpreter reserves
	// for a thread or a heap that grows.
	boundElsewhere = claimedElsewhere / 2
)

// claimsElsewhere compares two processes of the framer. In both it reads a right frame and waits; in one of
// them it has read the header of a large payload, too.
func claimsElsewhere(t *T) {
	right := wire.Encode(t.Framing, 1, []byte("123456789"))
	claiming := slices.Concat(right, wire.Claim(t.Framing, 7, claimedElsewhere), []byte(ofIt))
	t.Saw("peer → framer", t.Framing, claiming)
	if grown := t.growsElsewhere(right, claiming); grown.Most() >= boundElsewhere {
		t.Fail("FRM-11", "memory that grows with the bytes that have arrived",
			"the process needs %d MB more at its peak, %d MB of them resident, where the peer claims %d MB and sends %d bytes",
			grown.Most()>>20, grown.Resident>>20, claimedElsewhere>>20, len(claiming))
	}
}

// growsElsewhere tells how much more memory a process needs at its peak for the one than for the other.
func (t *T) growsElsewhere(little, much []byte) (least proc.Peak) {
	for i := range 2 { // a heap may have grown by chance
		without, with := t.peakOver(little), t.peakOver(much)
		grown := proc.Peak{Resident: with.Resident - without.Resident, Reserved: with.Reserved - without.Reserved}
		if i == 0 || grown.Most() < least.Most() {
			least = grown
		}
		if least.Most() < boundElsewhere {
			break
		}
	}
	return least
}

// peakOver tells what memory a new process needs for a framer that waits behind these bytes.
func (t *T) peakOver(sent []byte) (p proc.Peak) {
	s := silent(sent)
	defer s.close()
	var known, waits bool
	var r reading
	trouble, _ := t.attempt(func() {
		f := t.open(stream{s, io.Discard}, Options{t.Framing, claimedElsewhere})
		var err error
		waits, err = f.remote().ReadAlone(func(pid int) { p, known = proc.PeakOf(pid) })
		t.heed(err)
		if !waits {
			r = readFrames(f, onward)
		}
	}, s)
	const want = "the framer waits for more"
	switch {
	case trouble != "":
		t.FailNow("FRM-11", want, "%s", trouble)
	case r.end == string(spec.TooLarge):
		t.FailNow("FRM-8", "a payload of exactly max_payload bytes accepted", "%s", r.tellEnd())
	case !waits:
		t.FailNow("FRM-11", want, "%s, then %s", text.Plural(len(r.frames), "frame"), r.tellEnd())
	case !known:
		t.Unsupported("the peak memory of another process cannot be read on this system")
	}
	return p
}
