package pool

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Generate implements [explore.Subject].
func (s *Subject) Generate(r *rand.Rand) explore.History {
	g := &generator{Rand: r, off: map[string]bool{}}
	g.o = explore.Options{Framing: s.Framings[r.IntN(len(s.Framings))], Workers: 1 + r.IntN(3), MaxInFlight: 1 + r.IntN(4)}
	if g.chance(0.5) {
		g.o.Framing = s.Framings[0]
	}
	if g.chance(0.1) {
		g.o.MaxInFlight = pick(g, []int{9, 20})
	}
	if g.chance(0.3) {
		g.o.MaxPayload = 4096
	}
	if g.chance(0.3) {
		g.o.CheckEvery = pick(g, []int{20, 50})
		if g.chance(0.5) {
			g.o.CheckWithin = 300
		}
	}
	if g.chance(0.08) {
		g.o.RestartIn = 60_000
	}
	if g.chance(0.15) {
		g.o.Queue = 1 + g.IntN(3)
	}
	if g.chance(0.02) {
		g.o.Program = "missing"
	}
	if g.chance(0.1) {
		g.o.Output = "fails"
	}
	for _, k := range kinds[2:] {
		if g.chance(0.5) {
			g.off[k.name] = true
		}
	}
	g.settles = pick(g, []float64{0, 0.1, 0.3, 0.5, 1})
	g.draw()
	return explore.History{Schema: explore.Schema, Role: spec.RolePool, Options: g.o, Steps: g.steps}
}

type generator struct {
	*rand.Rand
	o       explore.Options
	off     map[string]bool
	settles float64
	steps   []explore.Step
	calls   int
	open    []string // calls that were made and not ended
	past    []string // calls whose context was ended
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, all []T) T { return all[g.IntN(len(all))] }

func (g *generator) add(s explore.Step) { g.steps = append(g.steps, s) }

var kinds = []struct {
	name   string
	weight int
	draw   func(g *generator)
}{
	{"call", 16, func(g *generator) { g.call("") }},
	{"answer", 12, func(g *generator) { g.answer("") }},
	{"end-context", 6, (*generator).endContext},
	{"error", 4, func(g *generator) { g.answer("error") }},
	{"form", 3, func(g *generator) { g.answer(pick(g, []string{"no-body", "envelope", "envelope-id", "more"})) }},
	{"late", 4, (*generator).late},
	{"stray", 5, func(g *generator) { g.stray() }},
	{"broken", 4, func(g *generator) {
		g.answer(pick(g, []string{"differs", "differs", "crc", "garbage", "malformed", "trailing", "utf8", "id-text", "half", "close"}))
	}},
	{"large", 2, func(g *generator) {
		g.call("")
		g.steps[len(g.steps)-1].Size = pick(g, []int{2500, 3000, 3600, 5000, 60_000, 200_000})
		g.steps[len(g.steps)-1].Text = pick(g, []string{"", "", "é", "日", "😀"}) // a limit counts bytes
	}},
	{"ended", 3, func(g *generator) { g.call("ended") }},
	{"die", 3, (*generator).die},
	{"next", 2, (*generator).next},
	{"health", 2, func(g *generator) { g.add(explore.Step{Do: "health"}) }},
	{"print", 1, func(g *generator) {
		g.add(explore.Step{Do: "print", Worker: g.worker(), Size: pick(g, []int{10, 200_000, 700_000}), How: pick(g, []string{"", "stdout"})})
	}},
	{"stall", 3, (*generator).stall},
	{"hang", 6, (*generator).hang},
	{"round", 4, (*generator).round},
	{"fill", 4, (*generator).fill},
	{"crowd", 4, (*generator).crowd},
}

func (g *generator) draw() {
	if g.chance(0.02) {
		g.o.StartWithin = 300
		g.add(explore.Step{Do: "start", How: "never", Worker: 1 + g.IntN(g.o.Workers)})
		return
	}
	if g.chance(0.06) {
		g.slowStart()
	} else if g.chance(0.15) {
		g.add(explore.Step{Do: "start", How: pick(g, []string{"exit", "exit-0", "silent"}), Worker: 1 + g.IntN(g.o.Workers)})
		if g.chance(0.5) {
			g.call("")
			g.add(explore.Step{Do: "settle"})
		}
		if g.chance(0.2) {
			g.end()
			return
		}
	} else if g.chance(0.02) {
		g.end() // a pool that was never started
		return
	}
	g.add(explore.Step{Do: "start"})
	n := 1
	for n < 40 && g.chance(1-1.0/12) {
		n++
	}
	for range n {
		g.one()
		if g.chance(g.settles) {
			g.add(explore.Step{Do: "settle"})
		}
	}
	if g.chance(0.4) {
		g.end()
	}
}

// slowStart has calls, Health and now and then Shutdown beside a Start.
func (g *generator) slowStart() {
	g.add(explore.Step{Do: "start", How: pick(g, []string{"slow", "bound"}), Worker: 1 + g.IntN(g.o.Workers)})
	for range 1 + g.IntN(5) {
		switch g.IntN(7) {
		case 0:
			g.add(explore.Step{Do: "health"})
		case 1:
			g.call("ended")
		case 2:
			g.add(explore.Step{Do: "start"})
		case 3, 4:
			g.endContext()
		default:
			g.call("")
		}
		if g.chance(0.3) {
			g.add(explore.Step{Do: "settle"})
		}
	}
	if g.chance(0.2) {
		g.end()
	}
	g.add(explore.Step{Do: "ready"})
}

func (g *generator) one() {
	total := 0
	for _, k := range kinds {
		if !g.off[k.name] {
			total += k.weight
		}
	}
	n := g.IntN(total)
	for _, k := range kinds {
		if g.off[k.name] {
			continue
		}
		if n -= k.weight; n < 0 {
			k.draw(g)
			return
		}
	}
}

func (g *generator) call(how string) {
	g.calls++
	s := explore.Step{Do: "call", Call: fmt.Sprintf("k%d", g.calls), How: how}
	if g.chance(0.3) {
		s.Body = explore.Body(g.Rand, 3)
	}
	if g.chance(0.2) {
		s.Method = pick(g, []string{` "quoted" \\ back`, "é日本😀", "/<b>&", "\n\t", "..", " "})
	}
	if how == "" && g.chance(0.03) {
		s.How = "utf8"
	}
	if how == "" {
		g.open = append(g.open, s.Call)
	}
	g.add(s)
}

// take returns a call that is open, and closes it; empty if there is none.
func (g *generator) take() string {
	if len(g.open) == 0 {
		g.call("")
	}
	i := g.IntN(len(g.open))
	name := g.open[i]
	g.open = append(g.open[:i:i], g.open[i+1:]...)
	return name
}

func (g *generator) answer(how string) {
	s := explore.Step{Do: "answer", Call: g.take(), How: how}
	if g.chance(0.2) && how != "error" {
		s.Body = explore.Body(g.Rand, 3)
	}
	if g.chance(0.2) {
		for _, at := range []int{1, 2, 4, 6, 14, 17, 18, 19, 30} {
			if g.chance(0.2) {
				s.Cut = append(s.Cut, at)
			}
		}
	}
	if how == "more" {
		s.More = pick(g, []string{"", `"error":"no"`, `"error":null,"payload":7`, `"type":"note"`, `"payload":{"id":1,"ok":false,"error":"no"}`, `"type":null,"payload":{}`, `"method":"echo","reason":"x"`})
	}
	if how == "error" {
		s.Text = pick(g, []string{"", "", "none", " %d %s %!", " \"quoted\" \\ back", "\nline two", " 日本語 😀", strings.Repeat(" long", 300)})
	}
	s.Hold = g.chance(0.15)
	g.add(s)
}

func (g *generator) endContext() {
	var name string
	if n := len(g.open); n > 0 && g.chance(0.4) { // the one made last waits where anything does
		name, g.open = g.open[n-1], g.open[:n-1]
	} else {
		name = g.take()
	}
	g.add(explore.Step{Do: "end-context", Call: name})
	g.past = append(g.past, name)
	if g.chance(0.4) { // a call that may meet what is left of it
		g.call("")
	}
}

// late answers a call whose context has ended.
func (g *generator) late() {
	if len(g.past) == 0 {
		g.endContext()
		if g.chance(0.5) {
			g.add(explore.Step{Do: "settle"})
		}
	}
	i := g.IntN(len(g.past))
	g.add(explore.Step{Do: "answer", Call: g.past[i], How: "late"})
	if g.chance(0.5) {
		g.call("")
		g.answer("")
	}
}

// stray sends an answer that nobody waits for, often just before a call that could take it.
func (g *generator) stray() {
	if len(g.open) == 0 {
		g.call("")
	}
	how := pick(g, []string{"unknown", "next", "twice", "note"})
	if how == "twice" {
		g.answer(how)
	} else {
		i := g.IntN(len(g.open))
		if how == "next" { // the last one made has probably the highest ID
			i = len(g.open) - 1
		}
		g.add(explore.Step{Do: "answer", Call: g.open[i], How: how})
		if g.chance(0.7) { // so that it has certainly been read
			g.add(explore.Step{Do: "answer", Call: g.open[i]})
			g.add(explore.Step{Do: "settle"})
			g.open = append(g.open[:i:i], g.open[i+1:]...)
		}
	}
	if g.chance(0.7) {
		g.call("")
		if g.chance(0.7) {
			g.answer("")
		}
	}
}

// worker returns the number of a worker process, now and then of one that has taken another one's place.
func (g *generator) worker() int {
	if g.chance(0.2) {
		return g.o.Workers + 1 + g.IntN(3)
	}
	return 1 + g.IntN(g.o.Workers)
}

// next has a worker die whose place is not taken at once by one that is well.
func (g *generator) next() {
	for range 1 + g.IntN(2) {
		g.add(explore.Step{Do: "next", How: pick(g, []string{"exit", "exit-0", "slow", "bound", "bound"})})
		g.die()
		if g.chance(0.7) {
			g.add(explore.Step{Do: "settle"})
		}
		if g.chance(0.5) {
			g.add(explore.Step{Do: "health"})
		}
		if g.chance(0.3) {
			g.call("")
		}
		if g.chance(0.3) {
			g.add(explore.Step{Do: "ready"})
		}
	}
}

func (g *generator) die() {
	g.add(explore.Step{Do: "die", Worker: 1 + g.IntN(g.o.Workers+1)})
	if g.chance(0.5) {
		g.call("")
	}
}

// stall has a worker read no more, and often makes calls that fill its connections.
func (g *generator) stall() {
	s := explore.Step{Do: "stall", Worker: g.worker(), Count: pick(g, []int{0, 0, 10, 1000, 100_000})}
	g.add(s)
	for range 1 + g.IntN(3) {
		g.call("")
		g.steps[len(g.steps)-1].Size = pick(g, []int{0, 200_000, 600_000})
		if g.chance(0.5) {
			g.add(explore.Step{Do: "end-context", Call: g.take()})
		}
	}
	if g.chance(0.3) {
		g.add(explore.Step{Do: "settle"})
	}
	if g.chance(0.7) {
		g.add(explore.Step{Do: "read", Worker: s.Worker})
	}
}

// hang has a worker answer no check, where the pool checks often, and mostly ends that.
func (g *generator) hang() {
	if g.o.CheckEvery == 0 {
		g.call("")
		return
	}
	worker := g.worker()
	g.add(explore.Step{Do: "hang", Worker: worker})
	if g.chance(0.6) {
		g.add(explore.Step{Do: "settle"})
	}
	for range g.IntN(3) {
		switch g.IntN(3) {
		case 0:
			g.add(explore.Step{Do: "health"})
		case 1:
			g.call("")
		case 2:
			g.answer("")
		}
	}
	if g.chance(0.7) {
		g.add(explore.Step{Do: "unhang", Worker: worker, How: pick(g, []string{"", "", "error"})})
		g.add(explore.Step{Do: "settle"})
		g.add(explore.Step{Do: "health"})
	}
}

// round makes calls one after the other.
func (g *generator) round() {
	for range g.o.Workers * (1 + g.IntN(3)) {
		g.call("")
		g.answer("")
		g.add(explore.Step{Do: "settle"})
	}
}

// fill makes more calls than there are slots.
func (g *generator) fill() {
	more := g.IntN(3)
	if g.o.Queue > 0 {
		more = g.o.Queue + g.IntN(4)
	}
	for range g.o.Workers*g.o.MaxInFlight + more {
		g.call("")
	}
	if g.chance(0.5) {
		g.add(explore.Step{Do: "settle"})
	}
}

// crowd has more calls than there are slots while something befalls a worker, and then what lets them go on.
func (g *generator) crowd() {
	g.fill()
	worker := 1 + g.IntN(g.o.Workers)
	trouble := g.IntN(4)
	if g.o.CheckWithin > 0 && g.chance(0.4) {
		trouble = 1
	}
	switch {
	case trouble == 0:
		g.add(explore.Step{Do: "die", Worker: worker})
	case trouble == 1 && g.o.CheckEvery > 0:
		g.add(explore.Step{Do: "hang", Worker: worker})
		g.add(explore.Step{Do: "settle"})
		g.add(explore.Step{Do: "settle"})
	default:
		for range 1 + g.IntN(3) {
			g.endContext()
		}
	}
	for range g.IntN(4) {
		g.answer(pick(g, []string{"", "", "", "error"}))
		if g.chance(0.3) {
			g.add(explore.Step{Do: "settle"})
		}
	}
	if trouble == 1 && g.o.CheckEvery > 0 && g.chance(0.7) {
		g.add(explore.Step{Do: "unhang", Worker: worker})
	}
	g.add(explore.Step{Do: "settle"})
}

func (g *generator) end() {
	if g.chance(0.3) {
		g.fill()
	}
	for range g.IntN(4) {
		g.call("")
	}
	if g.chance(0.06) { // what runs outlasts the stop timeout
		g.call("")
		g.add(explore.Step{Do: "settle"})
		g.add(explore.Step{Do: "shutdown", How: "beside"})
		g.add(explore.Step{Do: "outlast"})
		g.answer("")
		return
	}
	s := explore.Step{Do: "shutdown"}
	if g.chance(0.3) {
		s.Count = pick(g, []int{1, 50})
	}
	if g.chance(0.4) {
		s.How = "beside"
	}
	g.add(s)
	for range g.IntN(5) {
		switch g.IntN(5) {
		case 0:
			g.add(explore.Step{Do: "shutdown", Count: pick(g, []int{0, 0, 1}), How: "beside"})
		case 1:
			g.add(explore.Step{Do: "health"})
		case 2, 3:
			if len(g.open) > 0 {
				g.answer("")
			}
		default:
			g.call("")
		}
		if g.chance(0.2) {
			g.add(explore.Step{Do: "settle"})
		}
	}
}

// Plain implements [explore.Subject]: each kind of answer and each event alone, in each framing, beside as little as possible.
func (s *Subject) Plain() (all []explore.History) {
	for _, framing := range s.Framings {
		o := explore.Options{Framing: framing, Workers: 2, MaxInFlight: 2}
		add := func(steps ...explore.Step) {
			all = append(all, explore.History{Schema: explore.Schema, Role: spec.RolePool, Options: o, Steps: append([]explore.Step{{Do: "start"}}, steps...)})
		}
		call, settle := explore.Step{Do: "call", Call: "k1"}, explore.Step{Do: "settle"}
		for _, how := range []string{"", "error", "no-body", "envelope", "envelope-id", "more"} {
			add(call, settle, explore.Step{Do: "answer", Call: "k1", How: how}, settle)
		}
		add()
		bare := func(steps ...explore.Step) {
			all = append(all, explore.History{Schema: explore.Schema, Role: spec.RolePool, Options: o, Steps: steps})
		}
		start, ready := explore.Step{Do: "start"}, explore.Step{Do: "ready"}
		bare(explore.Step{Do: "shutdown"}, call)
		for _, how := range []string{"exit", "exit-0", "silent"} {
			failed := explore.Step{Do: "start", How: how, Worker: 2}
			bare(failed, call, settle, explore.Step{Do: "shutdown"})
			bare(failed, start, call)
		}
		for _, how := range []string{"slow", "bound"} {
			bare(explore.Step{Do: "start", How: how, Worker: 2}, call, ready)
			add(explore.Step{Do: "next", How: how}, explore.Step{Do: "die", Worker: 1}, settle, explore.Step{Do: "health"}, ready)
		}
		add(explore.Step{Do: "die", Worker: 1}, settle, explore.Step{Do: "health"})
		add(call, explore.Step{Do: "die", Worker: 1}, explore.Step{Do: "die", Worker: 2})
		add(call, explore.Step{Do: "end-context", Call: "k1"}, settle, explore.Step{Do: "answer", Call: "k1", How: "late"})
		add(call, explore.Step{Do: "shutdown", How: "beside"}, settle, explore.Step{Do: "answer", Call: "k1"})
		// What befalls a pool that has restarted its workers.
		for _, how := range []string{"", "error"} {
			add(explore.Step{Do: "die", Worker: 1}, settle, call, settle, explore.Step{Do: "answer", Call: "k1", How: how}, settle)
		}
		add(explore.Step{Do: "die", Worker: 1}, explore.Step{Do: "die", Worker: 2}, settle, call, explore.Step{Do: "end-context", Call: "k1"}, settle, explore.Step{Do: "answer", Call: "k1", How: "late"})
		for _, output := range []string{"", "fails"} {
			o.Output = output
			for _, how := range []string{"", "stdout"} {
				add(explore.Step{Do: "print", Worker: 1, How: how, Size: 200_000}, call)
			}
		}
		o.Program, o.Output = "missing", ""
		bare(start, call, settle, start, explore.Step{Do: "shutdown"})
	}
	return all
}
