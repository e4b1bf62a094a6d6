package conformance

import (
	"bytes"
	"strings"
)

// stickyCases damage a frame in one way each and send right frames behind it, which nobody may see:
// after a framing error every later read returns it again [STR-3].
func stickyCases() []framerCase {
	var all []framerCase
	for _, kind := range kinds {
		framings := []Framing{Enhanced}
		if kind == TooLarge || kind == Truncated {
			framings = bothFramings
		}
		all = append(all, framerCase{
			Case: Case{
				Name: strings.ReplaceAll(string(kind), "_", "-") + "-is-final", Clauses: []string{"STR-3"},
				Framings: framings, Cause: readCause("STR-3"),
			},
			run: func(t *framerT) { staysRefused(t, kind) },
		})
	}
	return all
}

func staysRefused(t *framerT, kind ErrorKind) {
	v := plainWrong(t.Framing, kind)
	v.Clause = "STR-3"
	behind := Frame{ID: 0xbe41d, Payload: []byte("behind the damage")}
	if t.Framing == Basic {
		behind.ID = 0
	}
	if kind != Truncated {
		for range laterReads {
			v.Bytes = append(v.Bytes, encode(t.Framing, behind.ID, behind.Payload)...)
		}
	}
	all := deliveries(v)
	for _, d := range all {
		if t.crashes() > 0 {
			break
		}
		r := t.read(optionsOf(d.vector), sent(d.pieces...), onward)
		if at := len(d.vector.Frames); len(r.frames) > at && r.frames[at].ID == behind.ID && bytes.Equal(r.frames[at].Payload, behind.Payload) {
			t.misread("STR-3", "that frame stands behind the damage: the framer looked for it", misreading{d, r, *r.differs(d.vector)})
		}
	}
	t.holds(demand{FrameVector: v, deliveries: all, sticky: true})
}
