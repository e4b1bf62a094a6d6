package worker

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

var vectorSet = sync.OnceValue(func() (set vectors.Set) {
	set, _ = vectors.Load() // a test of package vectors holds that they can be read
	return set
})

// Generate implements [explore.Subject].
func (s *Subject) Generate(r *rand.Rand) explore.History {
	g := &generator{Rand: r, framings: s.Framings, off: map[string]bool{}}
	g.draw()
	return explore.History{Schema: explore.Schema, Role: spec.RoleWorker, Steps: g.steps}
}

// generator draws one history. It keeps what it has drawn, and never looks at the worker.
type generator struct {
	*rand.Rand
	framings []spec.Framing
	off      map[string]bool // kinds of steps that this history has none of: what is left meets more often
	settles  float64
	steps    []explore.Step
	conns    []*drawn
	codes    int
	largest  int
}

// drawn is one connection of the history so far.
type drawn struct {
	name    string
	framing spec.Framing
	last    []uint64 // IDs, the latest last
	asleep  []uint64 // IDs of handlers without an end
	next    uint64
	dead    bool // nothing more need be sent on it
}

// chance reports true that often.
func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, all []T) T { return all[g.IntN(len(all))] }

func (g *generator) add(s explore.Step) { g.steps = append(g.steps, s) }

// kinds of steps, with their weights. Those that meet each other where faults are common weigh more.
var kinds = []struct {
	name   string
	weight int
	draw   func(g *generator, c *drawn)
}{
	{"echo", 14, func(g *generator, c *drawn) { g.request(c, "echo", g.body(3)) }},
	{"method", 8, (*generator).method},
	{"nap", 4, func(g *generator, c *drawn) { g.request(c, "sleep", fmt.Sprintf(`{"ms":%d}`, 1+g.IntN(40))) }},
	{"endless", 7, (*generator).endless},
	{"cancel", 9, (*generator).cancel},
	{"call and cancel", 4, (*generator).callAndCancel},
	{"stray", 6, (*generator).stray},
	{"stray then request", 5, (*generator).strayThenRequest},
	{"cancel then repeat", 3, (*generator).cancelThenRepeat},
	{"unreadable", 6, (*generator).unreadable},
	{"vector", 6, (*generator).vector},
	{"differs", 4, (*generator).differs},
	{"repeat", 5, (*generator).repeat},
	{"damaged", 7, (*generator).damaged},
	{"half", 3, (*generator).half},
	{"read-stop", 3, (*generator).readStop},
	{"half-close", 4, (*generator).halfClose},
	{"close", 4, (*generator).close},
	{"connect", 5, func(g *generator, _ *drawn) { g.connect() }},
	{"burst", 4, (*generator).burst},
	{"deep", 2, (*generator).deep},
	{"large", 2, (*generator).large},
}

func (g *generator) draw() {
	for _, k := range kinds[1:] {
		if g.chance(0.5) {
			g.off[k.name] = true
		}
	}
	g.settles = pick(g, []float64{0, 0, 0.1, 0.3, 0.5, 1})
	g.largest = 1 << 16
	if g.chance(0.004) {
		g.churn()
		return
	}
	conns := 1 + g.IntN(3)
	if g.chance(0.01) {
		conns = 64 + g.IntN(37)
	}
	for range conns {
		g.connect()
	}
	length := 1
	for length < 60 && g.chance(1-1.0/12) {
		length++
	}
	for range length {
		g.one()
		if g.chance(g.settles) {
			g.add(explore.Step{Do: "settle"})
		}
	}
	g.end()
}

// one draws one step, or a few that belong together.
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
			k.draw(g, g.someConn())
			return
		}
	}
}

func (g *generator) someConn() *drawn {
	for range 3 {
		c := pick(g, g.conns)
		if !c.dead || g.chance(0.2) {
			return c
		}
	}
	return g.connect()
}

func (g *generator) connect() *drawn {
	c := &drawn{name: fmt.Sprintf("c%d", len(g.conns)+1), framing: pick(g, g.framings), next: pick(g, []uint64{1, 1, 1<<32 - 3, 1<<53 - 2, 1<<64 - 4})}
	if g.chance(0.5) {
		c.framing = g.framings[0]
	}
	g.conns = append(g.conns, c)
	g.add(explore.Step{Do: "connect", Conn: c.name, Framing: c.framing})
	return c
}

// id draws an ID. Those that were just used come often, and so do those that look like them in fewer bits.
func (g *generator) id(c *drawn) uint64 {
	fresh := func() uint64 {
		c.next++
		if c.next == 0 {
			c.next = 1
		}
		return c.next
	}
	used := func(from *drawn) uint64 {
		if len(from.last) == 0 {
			return fresh()
		}
		return from.last[max(0, len(from.last)-1-g.IntN(4))]
	}
	var id uint64
	switch n := g.IntN(100); {
	case n < 20:
		id = used(c)
	case n < 30:
		id = used(pick(g, g.conns))
	case n < 40:
		id = used(c)
		switch g.IntN(3) {
		case 0:
			id = uint64(uint32(id))
		case 1:
			id += 1 << 32
		default:
			id ^= 1
		}
	case n < 55:
		id = pick(g, []uint64{1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1 << 63, 1<<63 - 1, 1<<64 - 1, 1<<64 - 2})
	case n < 90:
		id = fresh()
	default:
		id = g.Uint64()
	}
	if id == 0 {
		id = fresh()
	}
	return id
}

func decimal(id uint64) string { return strconv.FormatUint(id, 10) }

// send adds a step that sends bytes, with a delivery.
func (g *generator) send(c *drawn, s explore.Step) {
	s.Conn = c.name
	if g.chance(0.2) {
		s.Hold = true
	}
	if g.chance(0.15) {
		size := len(Bytes(s, c.framing))
		header := c.framing.HeaderSize()
		for _, at := range []int{1, 2, 4, 6, 14, header - 1, header, header + 1, size - 1} {
			if at > 0 && at < size && g.chance(0.25) {
				s.Cut = append(s.Cut, at)
			}
		}
		if len(s.Cut) == 0 && size > 1 {
			s.Cut = []int{1 + g.IntN(size-1)}
		}
		slices.Sort(s.Cut)
		s.Cut = slices.Compact(s.Cut)
	}
	g.add(s)
}

func (g *generator) requestStep(c *drawn, method, body string) explore.Step {
	id := g.id(c)
	c.last = append(c.last, id)
	s := explore.Step{Do: "request", ID: decimal(id), Method: method, Body: body}
	if g.chance(0.25) {
		s.Envelope = true
	}
	if g.chance(0.1) {
		s.More = pick(g, []string{
			`"type":"request"`, `"type":"cancellation"`, `"payload":{"id":3}`, `"type":7,"payload":{}`, `"headers":{"a":"b"}`, `"ID":5`, `"Body":1,"METHOD":"fail"`,
			`"type":null,"payload":null`, `"reason":"x"`, `"ok":false,"error":"no"`, `"a":[{"b":null}]`,
		})
	}
	return s
}

func (g *generator) request(c *drawn, method, body string) {
	g.send(c, g.requestStep(c, method, body))
}

func (g *generator) method(c *drawn) {
	switch g.IntN(9) {
	case 0:
		g.request(c, "fail", g.failure())
	case 1:
		g.request(c, "pid", pick(g, []string{"", "null", "{}"}))
	case 2:
		g.request(c, "health", pick(g, []string{"", "null", `"x"`}))
	case 3:
		g.request(c, "blob", fmt.Sprintf(`{"size":%d}`, pick(g, []int{0, 1, 17, 4095, 65536, g.IntN(100_000)})))
	case 4, 5:
		g.request(c, "unserializable", "null")
	case 6:
		g.request(c, "inflight", "null")
	case 7:
		g.request(c, pick(g, []string{"no_such_method", "__init__", "Echo", "é", "", "toString", "constructor"}), g.body(2))
	default:
		g.request(c, "echo", "")
	}
}

func (g *generator) failure() string {
	if g.chance(0.15) { // what is raised may have no words
		return pick(g, []string{`{"message":""}`, `{"message":" "}`, `{"message":"0"}`})
	}
	return g.words()
}

// words are of a failure that shows that the handler ran.
func (g *generator) words() string {
	message := ranText + pick(g, []string{"", ` "quoted" \ back`, "\nline two", " 日本語 😀", strings.Repeat(" long", 60)})
	return fmt.Sprintf(`{"message":%s}`, wire.Quote(message))
}

// endless begins a handler that ends only when it is cancelled.
func (g *generator) endless(c *drawn) {
	s := g.requestStep(c, "sleep", `{"ms":3600000}`)
	if slices.Contains(c.asleep, c.last[len(c.last)-1]) && g.chance(0.7) {
		return // another repeat would only close the connection
	}
	c.asleep = append(c.asleep, c.last[len(c.last)-1])
	g.send(c, s)
}

func (g *generator) cancelStep(id uint64) explore.Step {
	return explore.Step{Do: "cancel", ID: decimal(id), Text: pick(g, []string{"", "", "deadline", "the caller \"left\""})}
}

// cancel cancels what sleeps, or what was asked last.
func (g *generator) cancel(c *drawn) {
	switch {
	case len(c.asleep) > 0 && g.chance(0.8):
		i := g.IntN(len(c.asleep))
		g.send(c, g.cancelStep(c.asleep[i]))
		c.asleep = slices.Delete(c.asleep, i, i+1)
	case len(c.last) > 0:
		g.send(c, g.cancelStep(c.last[len(c.last)-1]))
	default:
		g.stray(c)
	}
}

// stray cancels what is not outstanding on the connection, though perhaps on another one, or what looks like it.
func (g *generator) stray(c *drawn) {
	id := g.id(c)
	if other := pick(g, g.conns); other != c && len(other.asleep) > 0 && g.chance(0.5) {
		id = pick(g, other.asleep)
	}
	if len(c.asleep) > 0 && g.chance(0.3) {
		id = pick(g, c.asleep) + 1<<32
	}
	if slices.Contains(c.asleep, id) {
		return
	}
	g.send(c, g.cancelStep(id))
}

// strayThenRequest cancels an ID and then uses it.
func (g *generator) strayThenRequest(c *drawn) {
	c.next += 2
	id := c.next
	g.send(c, g.cancelStep(id))
	g.joined()
	c.last = append(c.last, id)
	if g.chance(0.5) {
		c.asleep = append(c.asleep, id)
		g.send(c, explore.Step{Do: "request", ID: decimal(id), Method: "sleep", Body: `{"ms":3600000}`})
		return
	}
	g.send(c, explore.Step{Do: "request", ID: decimal(id), Method: "sleep", Body: `{"ms":20}`})
}

// cancelThenRepeat cancels a handler and uses its ID again.
func (g *generator) cancelThenRepeat(c *drawn) {
	c.next += 2
	id := c.next
	c.last = append(c.last, id)
	g.send(c, explore.Step{Do: "request", ID: decimal(id), Method: "sleep", Body: `{"ms":3600000}`})
	g.joined()
	g.send(c, g.cancelStep(id))
	g.joined()
	g.send(c, explore.Step{Do: "request", ID: decimal(id), Method: "echo", Body: g.body(1)})
}

// callAndCancel cancels a handler as soon as it is called, or before.
func (g *generator) callAndCancel(c *drawn) {
	c.next += 2
	c.last = append(c.last, c.next)
	g.send(c, explore.Step{Do: "request", ID: decimal(c.next), Method: "sleep", Body: `{"ms":3600000}`, Envelope: g.chance(0.2)})
	g.joined()
	g.send(c, g.cancelStep(c.next))
	if g.chance(0.3) {
		g.joined()
		g.request(c, "echo", g.body(1))
	}
}

// joined often has the last step sent together with what comes next.
func (g *generator) joined() {
	if last := &g.steps[len(g.steps)-1]; g.chance(0.5) {
		last.Hold = true
	}
}

// forbidden is a message that shows if its handler runs.
func (g *generator) forbidden(id uint64) []byte {
	switch g.IntN(4) {
	case 0:
		return wire.Request(id, "echo", g.body(1))
	case 1:
		return wire.Request(id, "sleep", `{"ms":3600000}`)
	case 2:
		return wire.Request(id, "fail", g.words())
	}
	g.codes++
	return wire.Request(id, "exit", fmt.Sprintf(`{"code":%d}`, 40+g.codes))
}

// behind often sends something on a connection that is over.
func (g *generator) behind(c *drawn) {
	if c.dead = true; g.chance(0.5) {
		if n := len(g.steps); g.chance(0.7) {
			g.steps[n-1].Hold = true
		}
		id := g.id(c)
		g.add(explore.Step{Do: "message", Conn: c.name, ID: decimal(id), Text: string(g.forbidden(id))})
	}
	if g.chance(0.3) {
		again := g.connect()
		again.last = append(again.last, c.last...)
	}
}

// unreadable sends what is no request.
func (g *generator) unreadable(c *drawn) {
	id := g.id(c)
	own := decimal(id)
	texts := []string{
		`{"id":` + own + `,"method":"echo"`, `[]`, `"text"`, `7`, `null`, ``, `{}`, `{"id":` + own + `}`, `{"id":` + own + `,"method":7}`, `{"id":` + own + `,"method":null,"body":1}`,
		`{"id":"` + own + `","method":"echo"}`, `{"id":` + own + `.0,"method":"echo"}`, `{"id":-1,"method":"echo"}`, `{"id":1e3,"method":"echo"}`, `{"method":"echo","body":1}`,
		`{"id":18446744073709551616,"method":"echo"}`, `{"id":null,"method":"echo"}`, `{"id":true,"method":"echo"}`, `{"id":` + own + `,"method":"echo","body":NaN}`,
		`{"id":` + own + `,"method":"echo","body":-Infinity}`, `{"id":` + own + `,"method":"echo",}`, `{'id':1}`, `{"id":01,"method":"echo"}`, "{\"id\":" + own + ",\"method\":\"echo\",\"body\":\"\xff\"}",
		"\xef\xbb\xbf{\"id\":" + own + ",\"method\":\"echo\"}", `{"type":"request","payload":null}`, `{"type":"request","payload":[1]}`, `{"type":"request","payload":{"id":` + own + `}}`,
		`{"type":"response2","payload":{}}`, `{"type":"","payload":null}`, `{"type":"Request","payload":{"id":` + own + `,"method":"echo"}}`, `{"type":"cancellation","payload":null}`,
		`{"type":"cancellation","payload":{"id":"` + own + `"}}`, `{"type":"cancellation","payload":{}}`, `{"type":"ping","payload":{"id":` + own + `}}`,
		"{\x00\"\x00i\x00d\x00\"\x00:\x001\x00}\x00", `{"ID":` + own + `,"METHOD":"echo"}`,
	}
	c.last = append(c.last, id)
	for range 1 + g.IntN(1+g.IntN(12)) {
		payload := pick(g, texts)
		s := explore.Step{Do: "message", ID: own, Text: payload}
		if !utf8.ValidString(payload) || strings.ContainsRune(payload, 0) {
			s.Text, s.Hex = "", hex.EncodeToString([]byte(payload))
		}
		g.send(c, s)
	}
	if g.chance(0.4) {
		g.request(c, "echo", g.body(1))
	}
}

// vector sends a golden vector.
func (g *generator) vector(c *drawn) {
	set := vectorSet()
	if g.chance(0.75) {
		v := pick(g, set.Messages)
		if v.Receiver == vectors.Worker && slices.Contains(v.Framings, vectors.Framing(c.framing)) {
			g.send(c, explore.Step{Do: "message", ID: decimal(v.HeaderID), Hex: hex.EncodeToString(v.Bytes), From: v.TcID})
			if v.Outcome == vectors.OutcomeViolation {
				g.behind(c)
			}
		}
		return
	}
	all := set.Basic
	if c.framing == spec.Enhanced {
		all = set.Enhanced
	}
	if v := pick(g, all); len(v.Bytes) < 4096 {
		g.send(c, explore.Step{Do: "bytes", Hex: hex.EncodeToString(v.Bytes), From: v.TcID})
		g.behind(c)
	}
}

// differs sends a message whose IDs differ.
func (g *generator) differs(c *drawn) {
	if c.framing != spec.Enhanced {
		return
	}
	id := g.id(c)
	header := pick(g, []uint64{id ^ 1, id + 1<<32, uint64(uint32(id)), 0, id ^ 1<<63, id ^ 1<<g.IntN(64)})
	if header == id {
		header++
	}
	switch message := g.forbidden(id); g.IntN(10) {
	case 0, 1:
		g.send(c, explore.Step{Do: "cancel", ID: decimal(id), Header: decimal(header)})
	case 2, 3, 4:
		g.send(c, explore.Step{Do: "message", ID: decimal(header), Text: string(wire.Envelope("request", message))})
	default:
		g.send(c, explore.Step{Do: "message", ID: decimal(header), Text: string(message)})
	}
	g.behind(c)
}

// repeat uses an ID that sleeps once more.
func (g *generator) repeat(c *drawn) {
	if len(c.asleep) == 0 {
		c.next += 2
		c.asleep = append(c.asleep, c.next)
		c.last = append(c.last, c.next)
		g.send(c, explore.Step{Do: "request", ID: decimal(c.next), Method: "sleep", Body: `{"ms":3600000}`})
	}
	id := pick(g, c.asleep)
	message := g.forbidden(id)
	if g.chance(0.3) {
		message = wire.Envelope("request", message)
	}
	g.send(c, explore.Step{Do: "message", ID: decimal(id), Text: string(message)})
	g.behind(c)
}

// damaged sends a frame with something wrong in it.
func (g *generator) damaged(c *drawn) {
	id := g.id(c)
	message := g.forbidden(id)
	if g.chance(0.08) {
		message = nil
	}
	if g.chance(0.08) {
		g.codes++
		message = fmt.Appendf(nil, `{"id":%d,"method":"exit","body":{"code":%d,"pad":"%s"}}`, id, 40+g.codes, strings.Repeat("x", pick(g, []int{4096, 65536, 66000})))
	}
	var data []byte
	if c.framing == spec.Basic {
		data = wire.Claim(spec.Basic, 0, pick(g, []uint32{10<<20 + 1, 1 << 31, 1<<32 - 1, 0x50590000 - 1}))
		data = append(data, message...)
	} else {
		data = wire.EncodeWith(id, message, func(h *wire.Header) {
			switch g.IntN(7) {
			case 0:
				h.CRC ^= 1 << g.IntN(32)
			case 1:
				h.CRC = 0
				if len(message) == 0 {
					h.CRC = 1
				}
			case 2:
				h.Magic[g.IntN(2)] ^= 1 << g.IntN(8)
			case 3:
				h.Length = pick(g, []uint32{0, 1, 17, 16})
			case 4:
				h.Length = pick(g, []uint32{10<<20 + 19, 1 << 31, 1<<32 - 1})
			case 5:
				h.CRC ^= pick(g, []uint32{1, 1 << 31})
			default:
				h.CRC = ^h.CRC
			}
		})
	}
	g.send(c, explore.Step{Do: "bytes", Hex: hex.EncodeToString(data)})
	g.behind(c)
}

// half sends a part of a frame, and often leaves it at that.
func (g *generator) half(c *drawn) {
	id := g.id(c)
	data := wire.Encode(c.framing, id, g.forbidden(id))
	at := 1 + g.IntN(len(data)-1)
	if g.chance(0.4) {
		at = pick(g, []int{1, 2, 3, c.framing.HeaderSize() - 1, c.framing.HeaderSize(), len(data) - 1})
	}
	g.add(explore.Step{Do: "bytes", Conn: c.name, Hex: hex.EncodeToString(data[:at])})
	c.dead = true
	switch g.IntN(4) {
	case 0:
		g.add(explore.Step{Do: "half-close", Conn: c.name})
	case 1:
		g.add(explore.Step{Do: "close", Conn: c.name})
	case 2:
		g.add(explore.Step{Do: "settle"})
	}
	if g.chance(0.5) {
		g.request(g.someConn(), "echo", g.body(1))
	}
}

func (g *generator) readStop(c *drawn) {
	g.add(explore.Step{Do: "read-stop", Conn: c.name})
	for range 1 + g.IntN(3) {
		g.request(c, "blob", fmt.Sprintf(`{"size":%d}`, pick(g, []int{10, 300_000, 2_000_000})))
	}
	if g.chance(0.5) {
		g.request(g.someConn(), "echo", g.body(1))
	}
	if g.chance(0.4) {
		g.add(explore.Step{Do: "settle"})
	}
	switch g.IntN(3) {
	case 0:
		g.add(explore.Step{Do: "read-go", Conn: c.name})
	case 1:
		g.add(explore.Step{Do: "close", Conn: c.name})
		c.dead = true
	}
}

func (g *generator) halfClose(c *drawn) {
	switch g.IntN(3) {
	case 0:
		g.request(c, "sleep", `{"ms":30}`)
	case 1:
		g.request(c, "blob", `{"size":500000}`)
	}
	g.add(explore.Step{Do: "half-close", Conn: c.name})
	c.dead = true
}

func (g *generator) close(c *drawn) {
	switch g.IntN(4) {
	case 0:
		g.request(c, "sleep", `{"ms":10}`)
	case 1:
		g.request(c, "blob", `{"size":3000000}`)
		g.add(explore.Step{Do: "read-stop", Conn: c.name})
	}
	g.add(explore.Step{Do: "close", Conn: c.name})
	if c.dead = true; g.chance(0.5) {
		again := g.connect()
		again.last = append(again.last, c.last...)
	}
}

// burst sends many requests in one write.
func (g *generator) burst(c *drawn) {
	n := 2 + g.IntN(20)
	if g.chance(0.02) {
		n = 1100
	} else if g.chance(0.1) {
		n = 120
	}
	for i := range n {
		c.next++
		g.add(explore.Step{Do: "request", Conn: c.name, ID: decimal(max(c.next, 1)), Method: "echo", Body: strconv.Itoa(i), Hold: i < n-1 && i%64 != 63})
	}
}

func (g *generator) deep(c *drawn) {
	n := pick(g, []int{20, 60, 90, 97, 150, 600, 1000})
	body := strings.Repeat("[", n) + strings.Repeat("]", n)
	if g.chance(0.3) && n < 100 {
		body = strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)
	}
	g.request(c, "echo", body)
}

// large sends or asks for a large body.
func (g *generator) large(c *drawn) {
	if g.chance(0.15) {
		g.request(c, "blob", fmt.Sprintf(`{"size":%d}`, spec.DefaultMaxPayload))
		return
	}
	if g.chance(0.1) { // whose error may be too large
		s := g.requestStep(c, pick(g, []string{"no_such_method_", "fail"}), "")
		s.More, s.Envelope = "", false
		s.Size = spec.DefaultMaxPayload - 100
		if s.Method == "fail" {
			s.Size = spec.DefaultMaxPayload / 3
		}
		g.send(c, s)
		return
	}
	s := g.requestStep(c, "echo", "")
	s.More = ""
	s.Size = pick(g, []int{4095, 4096, 4097, 65535, 65536, 65537, 1 << 20, 3 << 20})
	if g.chance(0.03) { // exactly max_payload
		around := len(requestOf(explore.Step{ID: s.ID, Method: "echo", Size: 1, Envelope: s.Envelope}, c.last[len(c.last)-1])) - 1
		s.Size = spec.DefaultMaxPayload - around
	}
	g.send(c, s)
}

// body draws a JSON text, now and then with a number beyond doubles, which is open.
func (g *generator) body(levels int) string {
	if g.chance(0.02) {
		return "1e400"
	}
	return explore.Body(g.Rand, levels)
}

// end sometimes ends the process, since a fresh one is dear.
func (g *generator) end() {
	switch n := g.IntN(1000); {
	case n < 10:
		g.codes++
		g.request(g.someConn(), "exit", fmt.Sprintf(`{"code":%d}`, g.IntN(100)))
		g.steps[len(g.steps)-1].Hold = false
	case n < 30:
		how := pick(g, []string{"SIGTERM", "SIGINT", "SIGTERM", "SIGINT", "SIGINT, then SIGTERM", "SIGTERM, then SIGTERM"})
		sleep := 250 * time.Millisecond
		if strings.Contains(how, "then") {
			sleep = outlasts
		}
		if sleep == outlasts || g.chance(0.5) {
			c := g.connect()
			for range 1 + g.IntN(3) {
				g.add(explore.Step{Do: "request", Conn: c.name, ID: decimal(uint64(100 + len(g.steps))), Method: "sleep", Body: sleepFor(sleep)})
			}
			g.add(explore.Step{Do: "request", Conn: c.name, ID: "99", Method: "echo", Body: "1"})
		}
		g.add(explore.Step{Do: "signal", How: how})
		if g.chance(0.3) {
			g.request(g.someConn(), "echo", "1")
		}
	}
}

func sleepFor(d time.Duration) string { return fmt.Sprintf(`{"ms":%d}`, d.Milliseconds()) }

func (g *generator) churn() {
	g.add(explore.Step{Do: "churn", Count: 150, How: pick(g, []string{"whole", "cut off"})})
}

// Plain implements [explore.Subject]: each method alone, in each framing.
func (s *Subject) Plain() (all []explore.History) {
	history := func(steps ...explore.Step) {
		all = append(all, explore.History{Schema: explore.Schema, Role: spec.RoleWorker, Steps: append(steps, explore.Step{Do: "settle"})})
	}
	for i, framing := range s.Framings {
		other := s.Framings[(i+1)%len(s.Framings)]
		history(explore.Step{Do: "connect", Conn: "c1", Framing: framing}, explore.Step{Do: "request", Conn: "c1", ID: "1", Method: "echo", Body: "1"}, explore.Step{Do: "settle"},
			explore.Step{Do: "connect", Conn: "c2", Framing: other}, explore.Step{Do: "request", Conn: "c2", ID: "1", Method: "echo", Body: "1"})
		history(explore.Step{Do: "connect", Conn: "c1", Framing: framing}, explore.Step{Do: "request", Conn: "c1", ID: "1", Method: "echo", Body: "1", Cut: []int{1}})
		history(explore.Step{Do: "connect", Conn: "c1", Framing: framing}, explore.Step{Do: "request", Conn: "c1", ID: "1", Method: "echo", Body: "1", Envelope: true})
		for _, m := range []struct{ method, body string }{
			{"echo", "1"}, {"echo", ""}, {"echo", "null"}, {"echo", "9007199254740993"}, {"pid", "null"}, {"health", "null"}, {"blob", `{"size":5}`}, {"fail", `{"message":"on purpose"}`}, {"fail", `{"message":""}`},
			{"unserializable", "null"}, {"no_such_method", "null"}, {"inflight", "null"}, {"sleep", `{"ms":30}`}, {"sleep", `{"ms":3600000}`},
		} {
			for _, id := range []string{"1", "9007199254740993"} {
				history(explore.Step{Do: "connect", Conn: "c1", Framing: framing}, explore.Step{Do: "request", Conn: "c1", ID: id, Method: m.method, Body: m.body})
			}
		}
		around := len(requestOf(explore.Step{ID: "1", Method: "echo", Size: 1}, 1)) - 1
		history(explore.Step{Do: "connect", Conn: "c1", Framing: framing}, explore.Step{Do: "request", Conn: "c1", ID: "1", Method: "echo", Size: spec.DefaultMaxPayload - around})
		// Errors that may be too large: of a name that takes all the room there is, and of letters that may become longer.
		around = len(requestOf(explore.Step{ID: "1", Method: "no_such_method_", Size: 1}, 1)) - 1
		history(explore.Step{Do: "connect", Conn: "c1", Framing: framing}, explore.Step{Do: "request", Conn: "c1", ID: "1", Method: "no_such_method_", Size: spec.DefaultMaxPayload - around},
			explore.Step{Do: "request", Conn: "c1", ID: "2", Method: "fail", Size: spec.DefaultMaxPayload / 3})
	}
	return all
}
