package framer

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

var vectorSet = sync.OnceValue(func() (set vectors.Set) {
	set, _ = vectors.Load() // a test of package vectors holds that they can be read
	return set
})

// Generate implements [explore.Subject].
func (s *Subject) Generate(r *rand.Rand) explore.History {
	g := &generator{Rand: r, framing: s.Framings[r.IntN(len(s.Framings))]}
	g.limit = pick(g, []int{64, 300, 5000, 70_000, 200_000, 200_000})
	switch n := g.IntN(1000); {
	case n < 30:
		g.limit = 0
	case n < 40:
		g.limit = spec.DefaultMaxPayload + 4096 // some take the default for the most that there is
	}
	h := explore.History{Schema: explore.Schema, Role: spec.RoleFramer, Options: explore.Options{Framing: g.framing, MaxPayload: g.limit}}
	switch n := g.IntN(10); {
	case n < 4:
		g.arrivals()
	case n < 7:
		g.writes()
	default:
		g.both()
	}
	h.Steps = g.steps
	return h
}

type generator struct {
	*rand.Rand
	framing spec.Framing
	limit   int
	steps   []explore.Step
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, all []T) T { return all[g.IntN(len(all))] }

func (g *generator) add(s explore.Step) { g.steps = append(g.steps, s) }

func (g *generator) length() int {
	n := 1
	for n < 40 && g.chance(0.85) {
		n++
	}
	return n
}

func (g *generator) arrivals() {
	for range g.length() {
		g.arrive()
		if g.chance(0.05) {
			g.add(explore.Step{Do: "nothing"})
		}
		if g.chance(0.7) {
			g.add(explore.Step{Do: "read"})
		}
	}
	g.ending()
}

// ending ends the stream, often within a frame, and reads on behind the end.
func (g *generator) ending() {
	if g.chance(0.4) {
		g.part()
	}
	switch n := g.IntN(10); {
	case n < 6:
		g.add(explore.Step{Do: "end"})
	case n < 8:
		g.add(explore.Step{Do: "read-error", How: pick(g, []string{"timeout", "reset"})})
	}
	for range 1 + g.IntN(4) {
		g.add(explore.Step{Do: "read"})
	}
}

func (g *generator) writes() {
	lanes := pick(g, []int{1, 1, 2, 3, 8})
	if g.chance(0.5) {
		g.add(g.room())
	}
	for range g.length() {
		if g.chance(0.08) {
			g.add(g.room())
		}
		g.write(lanes)
		if g.chance(0.1) {
			g.add(explore.Step{Do: "flow"})
		}
	}
	if g.chance(0.5) {
		g.add(explore.Step{Do: "flow"})
		g.write(lanes)
	}
}

// room bounds what the stream takes. Boundaries of a frame come often.
func (g *generator) room() explore.Step {
	do := "room"
	if g.chance(0.4) {
		do = "stall"
	}
	s := explore.Step{Do: do, Count: pick(g, []int{0, 1, 2, 4, 5, 14, 17, 18, 19, 25, 100, 1000, g.IntN(200), g.IntN(100_000)})}
	if do == "room" && g.chance(0.6) {
		s.How = pick(g, []string{"timeout", "reset", "broken pipe"})
	}
	return s
}

func (g *generator) both() {
	for range g.length() {
		switch g.IntN(4) {
		case 0:
			g.arrive()
		case 1:
			g.add(explore.Step{Do: "read"})
		case 2:
			g.write(2)
		default:
			if g.chance(0.3) {
				g.add(g.room())
			} else {
				g.add(explore.Step{Do: "flow"})
			}
		}
	}
	g.ending()
}

func (g *generator) id() string {
	ids := []uint64{0, 1, 2, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1 << 63, 1<<64 - 1, 0x0102030405060708}
	id := pick(g, ids)
	if g.chance(0.2) {
		id = g.Uint64()
	}
	return strconv.FormatUint(id, 10)
}

// payload draws a payload: its boundaries are 0, the limit, and the sizes of buffers.
func (g *generator) payload(s *explore.Step, most int) {
	limit := g.limit
	if limit == 0 {
		limit = 100_000
	}
	size := pick(g, []int{0, 0, 1, 2, 4, 17, 18, 19, 100, 577, 4095, 4096, 4097, 65535, 65536, 65537, limit - 18, limit - 4, limit - 1, limit, g.IntN(600), g.IntN(limit + 1)})
	if g.chance(0.15) { // the next header begins near the end of a buffer
		size = pick(g, []int{512, 1024, 4096, 8192, 16384, 32768, 65536}) - g.framing.HeaderSize() - g.IntN(g.framing.HeaderSize()+2)
	}
	if g.limit > spec.DefaultMaxPayload && g.chance(0.3) {
		size = spec.DefaultMaxPayload + pick(g, []int{0, 1, 4096})
	}
	if size < 0 || size > most {
		size = g.IntN(min(most, 64) + 1)
	}
	if size <= 32 {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(g.IntN(256))
		}
		if g.chance(0.2) {
			copy(data, "PY\x00\x00\x00\x16")
		}
		s.Hex = hex.EncodeToString(data)
		return
	}
	s.Size = size
}

func (g *generator) write(lanes int) {
	s := explore.Step{Do: "write", ID: g.id()}
	if lanes > 1 {
		s.Lane = fmt.Sprintf("w%d", 1+g.IntN(lanes))
		s.Hold = g.chance(0.6)
	}
	limit := g.limit
	if limit == 0 {
		limit = 11 << 20
	}
	g.payload(&s, limit)
	if g.chance(0.12) && g.limit > 0 {
		s.Size, s.Hex = g.limit+pick(g, []int{1, 1, 4, 18, 1000}), ""
	} else if g.limit == 0 && g.chance(0.2) {
		s.Size, s.Hex = spec.DefaultMaxPayload+1, ""
	}
	g.add(s)
}

// arrive lets one frame arrive, right or damaged, in some delivery.
func (g *generator) arrive() {
	most := g.limit
	if most == 0 {
		most = spec.DefaultMaxPayload
	}
	if g.chance(0.1) {
		g.vector()
		return
	}
	s := explore.Step{Do: "frame", ID: g.id()}
	g.payload(&s, most)
	size := len(payloadOf(s)) + g.framing.HeaderSize()
	switch n := g.IntN(100); {
	case n < 70:
	case n < 90 && g.framing == spec.Enhanced:
		s.How = pick(g, []string{
			"crc-xor 1", "crc-xor 2147483648", "crc-xor 4294967295", "crc-xor " + strconv.Itoa(1<<g.IntN(31)), "magic 20570", "magic 20569", "magic 0", "magic 22873", "magic 20825",
			"magic-0-length 17", "magic-0-length 0", "magic-0-length 4294967295", "length 0", "length 17", "length 16", "length " + strconv.Itoa(most+19), "length " + strconv.Itoa(most+18), "length 4294967295", "length 2147483648",
			"length " + strconv.Itoa(size-1), "length " + strconv.Itoa(size+1),
		})
		if s.How == "magic 20569" { // that is "PY"
			s.How = ""
		}
	case n < 90:
		s = explore.Step{Do: "claim", Count: pick(g, []int{most + 1, most, 1 << 31, 1<<32 - 1, 0x50590000})}
	case n < 93:
		g.part()
		return
	default:
		s = explore.Step{Do: "claim", ID: s.ID, Count: pick(g, []int{most + 1, most, 1<<31 - 18, 1<<32 - 19})}
	}
	n := len(Bytes(s, g.framing))
	if n > 1 && g.chance(0.4) {
		for range 1 + g.IntN(3) {
			s.Cut = append(s.Cut, 1+g.IntN(n-1))
		}
		for _, at := range []int{1, 2, 3, 4, 6, 14, 17, 18, 19, n - 1} {
			if at < n && g.chance(0.15) {
				s.Cut = append(s.Cut, at)
			}
		}
		if n < 60 && g.chance(0.15) {
			for at := 1; at < n; at++ {
				s.Cut = append(s.Cut, at)
			}
		}
		slices.Sort(s.Cut)
		s.Cut = slices.Compact(s.Cut)
	}
	s.Hold = g.chance(0.3)
	g.add(s)
}

// part lets the first bytes of a frame arrive. Its boundaries come often.
func (g *generator) part() {
	s := explore.Step{Do: "frame", ID: g.id()}
	g.payload(&s, 200)
	data := Bytes(s, g.framing)
	most := min(len(data), 200)
	g.add(explore.Step{Do: "bytes", Hex: hex.EncodeToString(data[:min(most, pick(g, []int{1, 2, 3, 4, 5, 6, 13, 14, 17, 18, 19, len(data) - 1, g.IntN(most + 1)}))])})
}

// vector lets a golden vector arrive. Its bytes mean what they mean under the limit of this history.
func (g *generator) vector() {
	set := vectorSet()
	all := slices.Concat(set.Enhanced, set.Streams)
	if g.framing == spec.Basic {
		all = slices.Concat(set.Basic, set.Streams)
	}
	if v := pick(g, all); v.Framing == vectors.Framing(g.framing) && len(v.Bytes) < 2000 {
		g.add(explore.Step{Do: "bytes", Hex: hex.EncodeToString(v.Bytes), From: v.TcID, Hold: g.chance(0.3)})
	}
}

// Plain implements [explore.Subject]: the plainest frames, read and written, so that a framer that cannot do even that is not
// accused of something else first.
func (s *Subject) Plain() (all []explore.History) {
	const limit = 64
	add := func(framing spec.Framing, steps ...explore.Step) {
		all = append(all, explore.History{Schema: explore.Schema, Role: spec.RoleFramer, Options: explore.Options{Framing: framing, MaxPayload: limit}, Steps: steps})
	}
	read, end := explore.Step{Do: "read"}, explore.Step{Do: "end"}
	for _, framing := range s.Framings {
		for _, id := range []string{"0", "1", "9007199254740993", "18446744073709551615"} {
			add(framing, explore.Step{Do: "write", ID: id, Hex: "61"})
			add(framing, explore.Step{Do: "frame", ID: id, Hex: "61"}, end, read, read)
		}
		add(framing, explore.Step{Do: "frame", ID: "1"}, end, read)
		add(framing, explore.Step{Do: "write", ID: "1"})
		add(framing, explore.Step{Do: "frame", ID: "1", Size: limit}, end, read)
		add(framing, explore.Step{Do: "frame", ID: "1", Size: limit + 1}, end, read)
		add(framing, explore.Step{Do: "claim", ID: "1", Count: limit + 1}, end, read)
		add(framing, explore.Step{Do: "claim", ID: "1", Count: 1<<31 + 100}, end, read)
		add(framing, explore.Step{Do: "claim", ID: "1", Count: limit + 1}, read)
		add(framing, explore.Step{Do: "write", ID: "1", Size: limit + 1}, explore.Step{Do: "write", ID: "1", Hex: "61"})
	}
	return all
}
