package conformance

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	claimedElsewhere = 512 << 20 // bytes of payload that the peer claims
	// boundElsewhere is for what the claim adds to the peaks of a process: far more than an interpreter reserves
	// for a thread or a heap that grows.
	boundElsewhere = claimedElsewhere / 2
)

// claimsElsewhere compares two processes of the framer. In both it reads a right frame and waits; in one of
// them it has read the header of a large payload, too.
func claimsElsewhere(t *framerT) {
	right := encode(t.Framing, 1, []byte("123456789"))
	claiming := slices.Concat(right, claim(t.Framing, 7, claimedElsewhere), []byte(ofIt))
	t.Saw("peer → framer", t.Framing, claiming)
	if grown := t.growsElsewhere(right, claiming); grown.most() >= boundElsewhere {
		t.Fail("FRM-11", "memory that grows with the bytes that have arrived",
			"the process needs %d MB more at its peak, %d MB of them resident, where the peer claims %d MB and sends %d bytes",
			grown.most()>>20, grown.resident>>20, claimedElsewhere>>20, len(claiming))
	}
}

// growsElsewhere tells how much more memory a process needs at its peak for the one than for the other.
func (t *framerT) growsElsewhere(little, much []byte) (least peak) {
	for i := range 2 { // a heap may have grown by chance
		without, with := t.peakOver(little), t.peakOver(much)
		grown := peak{with.resident - without.resident, with.reserved - without.reserved}
		if i == 0 || grown.most() < least.most() {
			least = grown
		}
		if least.most() < boundElsewhere {
			break
		}
	}
	return least
}

// peakOver tells what memory a new process needs for a framer that waits behind these bytes.
func (t *framerT) peakOver(sent []byte) (p peak) {
	s := silent(sent)
	defer s.close()
	var known, waits bool
	var r reading
	trouble, _ := t.attempt(func() {
		f := t.open(stream{s, io.Discard}, FramerOptions{t.Framing, claimedElsewhere})
		var err error
		waits, err = f.remote().ReadAlone(func(pid int) { p, known = peakOf(pid) })
		t.heed(err)
		if !waits {
			r = readFrames(f, onward)
		}
	}, s)
	const want = "the framer waits for more"
	switch {
	case trouble != "":
		t.FailNow("FRM-11", want, "%s", trouble)
	case r.end == string(TooLarge):
		t.FailNow("FRM-8", "a payload of exactly max_payload bytes accepted", "%s", r.tellEnd())
	case !waits:
		t.FailNow("FRM-11", want, "%s, then %s", plural(len(r.frames), "frame"), r.tellEnd())
	case !known:
		t.Unsupported("the peak memory of another process cannot be read on this system")
	}
	return p
}

// peak is the most that a process and those that it started ever held, in bytes. Reserved memory may not have
// been touched.
type peak struct{ resident, reserved int64 }

func (p peak) most() int64 { return max(p.resident, p.reserved) }

func peakOf(pid int) (sum peak, known bool) {
	if runtime.GOOS != "linux" {
		return sum, false
	}
	for _, one := range processesWithin(pid) {
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(one), "status"))
		if err != nil {
			continue // it has ended meanwhile
		}
		for line := range strings.Lines(string(status)) {
			f := strings.Fields(line)
			if len(f) != 3 || f[0] != "VmHWM:" && f[0] != "VmPeak:" {
				continue
			}
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return sum, false
			}
			known = true
			if f[0] == "VmHWM:" {
				sum.resident += kb << 10
			} else {
				sum.reserved += kb << 10
			}
		}
	}
	return sum, known
}
