package inspect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/pyproctest/pyproctest/conformance/internal/seeded"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

// scene is what passes on a connection, one message a line: > from the pool, < from the worker, the message,
// and the clause that it is to break, if any. "@9" puts 9 into the header instead of the ID.
type scene string

// spoken are the messages of scenes. Each has a place for the ID.
var spoken = map[string]string{
	"request":        `{"id":%d,"method":"echo","body":[1]}`,
	"wrapped":        `{"type":"request","payload":{"id":%d,"method":"echo"}}`,
	"health":         `{"id":%d,"method":"health"}`,
	"cancel":         `{"type":"cancellation","payload":{"id":%d}}`,
	"cancel-nothing": `{"type":"cancellation","payload":{"id":"%d"}}`,
	"broken":         `{"id":%d,"method":"echo",}`,
	"no-method":      `{"id":%d,"body":1}`,
	"greeting":       `{"type":"greeting","payload":{"id":%d}}`,
	"deep":           `{"id":%d,"method":"echo","body":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`,
	"deep-wrapped":   `{"type":"request","payload":{"id":%d,"method":"echo","body":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}}`,
	"deepest":        `{"id":%d,"method":"echo","body":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	"big":            `{"id":%d,"method":"echo","body":"` + strings.Repeat("big ", 20000) + `"}`,
	"response":       `{"type":"response","payload":{"id":%d,"ok":true,"body":1}}`,
	"ok":             `{"id":%d,"ok":true,"body":[1]}`,
	"wrapped-ok":     `{"type":"response","payload":{"id":%d,"ok":true,"body":[1]}}`,
	"error":          `{"id":%d,"ok":false,"error":"no"}`,
	"healthy":        `{"id":%d,"ok":true,"body":{"status":"healthy","pid":7,"more":1}}`,
	"unwell":         `{"id":%d,"ok":true,"body":{"status":"so so","pid":7}}`,
	"unpid":          `{"id":%d,"ok":true,"body":{"status":"healthy","pid":"7"}}`,
	"nan":            `{"id":%d,"ok":true,"body":NaN}`,
	"bodiless":       `{"id":%d,"ok":true}`,
}

type sceneLine struct {
	sender spec.Role
	data   []byte
	want   []string // the clauses
}

func (s scene) lines(t *testing.T, framing spec.Framing) []sceneLine {
	var lines []sceneLine
	for text := range strings.SplitSeq(strings.TrimSpace(string(s)), "\n") {
		words := strings.Fields(text)
		var id, header uint64
		_, err := fmt.Sscan(words[2], &id)
		require.NoError(t, err, text)
		header, words = id, append(words[:2], words[3:]...)
		if len(words) > 2 && strings.HasPrefix(words[2], "@") {
			_, err := fmt.Sscanf(words[2], "@%d", &header)
			require.NoError(t, err, text)
			words = append(words[:2], words[3:]...)
		}
		form, known := spoken[words[1]]
		require.True(t, known, text)
		lines = append(lines, sceneLine{
			sender: map[string]spec.Role{">": spec.RolePool, "<": spec.RoleWorker}[words[0]],
			data:   wire.Encode(framing, header, fmt.Appendf(nil, form, id)),
			want:   words[2:],
		})
	}
	return lines
}

// play has the scene inspected, and demands of each line the violations that it names and no others.
func (s scene) play(t *testing.T, framing spec.Framing) {
	t.Helper()
	c, err := NewConnection(Options{})
	require.NoError(t, err)
	for _, line := range s.lines(t, framing) {
		var got []string
		for _, f := range c.Write(line.sender, line.data) {
			for _, v := range f.Violations {
				got = append(got, v.Clause)
				require.GreaterOrEqual(t, v.Offset, f.Offset)
				require.Less(t, v.Offset, f.Offset+int64(len(f.Bytes)))
			}
		}
		require.ElementsMatch(t, line.want, got, "%s %s", line.sender, text.Clip(string(line.data), 120))
	}
}

var scenesOfBothFramings = map[string]scene{
	"calls one after the other": `
		> request 1
		< ok 1
		> request 2
		< error 2
		> health 3
		< healthy 3`,
	"many outstanding, answered in any order": `
		> request 1
		> wrapped 2
		> request 18446744073709551615
		< ok 18446744073709551615
		< wrapped-ok 2
		< ok 1`,
	"an ID used again after its answer": `
		> request 5
		< ok 5
		> request 5
		< error 5
		> request 5
		< ok 5`,
	"cancelled and answered": `
		> request 1
		> cancel 1
		< error 1`,
	"cancelled and answered in another form": `
		> request 1
		> cancel 1
		< wrapped-ok 1`,
	"cancelled and never answered": `
		> request 1
		> cancel 1
		> request 2
		< ok 2`,
	"a late answer to a cancelled request": `
		> request 1
		> cancel 1
		> request 2
		< ok 2
		< ok 1`,
	"cancelled after the answer": `
		> request 1
		< ok 1
		> cancel 1
		> cancel 77
		> request 2
		< ok 2`,
	"the ID of a cancelled request used again": `
		> request 1
		> cancel 1
		> request 1
		< error 1
		< ok 1`,
	"health refused": `
		> health 1
		< error 1`,
	"cancelled health": `
		> health 1
		> cancel 1
		< ok 1`,
	"answered twice": `
		> request 1
		< ok 1
		< ok 1 MSG-1
		< error 1 MSG-1`,
	"an answer to no request": `
		> request 1
		< ok 2 RID-8
		< ok 1`,
	"an answer before any request": `
		< ok 1 RID-8`,
	"an answer under 0": `
		> request 1
		< error 0 RID-8`,
	"an ID used again while it is outstanding": `
		> request 1
		> request 1 RID-2
		< ok 1
		< ok 1
		< ok 1 MSG-1`,
	"a worker says why it closes the connection": `
		> request 1
		> request 1 RID-2
		< error 0`,
	"what came in an envelope and may be unreadable": `
		> deep-wrapped 1
		< error 1
		> deep-wrapped 2
		< ok 2 MSG-2`,
	"a cancellation answered": `
		> request 1
		> cancel 1
		< ok 1
		< error 1 CAN-6`,
	"a cancellation of a finished request answered": `
		> request 1
		< ok 1
		> cancel 1
		< error 1 CAN-6`,
	"a cancellation of nothing answered": `
		> cancel 1
		< error 1 CAN-6`,
	"request ID 0": `
		> request 0 RID-1
		< wrapped-ok 0`,
	"an answer not the way its request came": `
		> request 1
		> wrapped 2
		< wrapped-ok 1 MSG-2
		< ok 2 MSG-2`,
	"a health answer that is none": `
		> health 1
		< unwell 1 WRK-20
		> health 2
		< unpid 2 WRK-20
		> health 3
		< ok 3 WRK-20`,
	"an answer without a body is an answer all the same": `
		> request 1
		< bodiless 1 MSG-1
		< ok 1 MSG-1`,
	"what is no request has an error answer": `
		> no-method 1 MSG-17
		< error 1
		> greeting 2 MSG-17
		< error 2
		> request 3
		< ok 3`,
	"what is no request is answered with ok": `
		> broken 1 MSG-17
		< ok 1 MSG-11`,
	"a response to a worker may be answered in any way, or not": `
		> response 1 MSG-17
		< ok 1
		> response 2 MSG-17
		> request 3
		< ok 3`,
	"too deep for anyone": `
		> deepest 1
		< ok 1
		> deepest 2
		< error 2`,
}

func TestConnectionSeesWhatIsWrongBetweenTheDirections(t *testing.T) {
	for name, s := range scenesOfBothFramings {
		for _, framing := range []spec.Framing{spec.Enhanced, spec.Basic} {
			t.Run(name+"/"+string(framing), func(t *testing.T) { s.play(t, framing) })
		}
	}
	for name, s := range map[string]scene{
		"an unreadable ID in a cancellation, answered under that of its header": `
			> cancel-nothing 1 MSG-10
			< error 1 CAN-6`,
		"a request under another ID in the header, refused": `
			> request 1
			> request 2 @3 RID-3
			< ok 1
			< error 3
			< error 0`,
		"a request under another ID in the header, run": `
			> request 2 @3 RID-3
			< ok 2 MSG-13`,
		"another ID than that of the header in what is no request": `
			> greeting 2 @3 MSG-17
			> no-method 4 @5 MSG-17 RID-3
			> request 6
			< error 2
			< ok 6`,
		"a request after that, run": `
			> request 2 @3 RID-3
			> request 4
			< ok 4 MSG-13`,
		"a request after a cancellation under another ID in the header, run": `
			> cancel 2 @3 CAN-2
			> request 4
			< ok 4 MSG-13`,
		"an answer under another ID in the header ends what can be known": `
			> request 1
			> request 2
			< ok 1 @2 RID-8
			< ok 7`,
		"an unreadable answer counts for the ID of its header": `
			> request 1
			< nan 1 MSG-8
			> request 1
			< ok 1
			< ok 1 MSG-1`,
		"an unreadable request is answered under another ID than that of its header": `
			> broken 1 MSG-17
			< error 0 RID-8`,
	} {
		t.Run(name, func(t *testing.T) { s.play(t, spec.Enhanced) })
	}
	for name, s := range map[string]scene{
		"what cannot be read is answered under 0": `
			> request 1
			> broken 2 MSG-17
			> broken 3 MSG-17
			< error 0
			< ok 1
			< error 0
			< error 0 RID-8`,
		"what may be unreadable is answered under 0": `
			> deep 1
			< error 0`,
		"what may be unreadable and was read": `
			> deep 1
			< ok 1
			< error 0 RID-8`,
		"what is not judged is answered once": `
			> deepest 1
			< ok 1
			< ok 1 RID-8`,
		"a second answer beside what cannot be read": `
			> request 1
			> broken 2 MSG-17
			< ok 1
			< ok 1 MSG-1
			< error 0`,
		"what was not over a lower limit": `
			> big 1
			< ok 1
			< error 0 RID-8`,
		"what is over a lower limit is refused once": `
			> big 1
			< error 0
			< error 0 RID-8`,
		"an unreadable answer is anyone's": `
			> request 1
			< nan 1 MSG-8
			< ok 9`,
	} {
		t.Run(name, func(t *testing.T) { s.play(t, spec.Basic) })
	}
}

func TestConnectionHoldsTheWorkerToTheFramingOfThePool(t *testing.T) {
	for _, framing := range []spec.Framing{spec.Enhanced, spec.Basic} {
		other := map[spec.Framing]spec.Framing{spec.Enhanced: spec.Basic, spec.Basic: spec.Enhanced}[framing]
		c, err := NewConnection(Options{})
		require.NoError(t, err)
		require.Empty(t, c.Write(spec.RolePool, wire.Encode(framing, 1, wire.Request(1, "echo", "1")))[0].Violations)
		require.Equal(t, framing, c.Framing())
		frames := c.Write(spec.RoleWorker, wire.Encode(other, 1, wire.OKAnswer(1, "1")))
		require.Equal(t, "STR-7", frames[0].Violations[0].Clause, framing)
	}
}

// An ID is outstanding until its answer begins to leave [MSG-14].
func TestConnectionLetsAnIDBeUsedAgainOnceItsAnswerHasBegun(t *testing.T) {
	for _, framing := range []spec.Framing{spec.Enhanced, spec.Basic} {
		answer := wire.Encode(framing, 1, wire.OKAnswer(1, "1"))
		for cut := range len(answer) {
			c, err := NewConnection(Options{})
			require.NoError(t, err)
			c.Write(spec.RolePool, wire.Encode(framing, 1, wire.Request(1, "echo", "1")))
			c.Write(spec.RoleWorker, answer[:cut])
			again := c.Write(spec.RolePool, wire.Encode(framing, 1, wire.Request(1, "echo", "1")))
			require.Equal(t, cut == 0, len(again[0].Violations) > 0, cut)
			require.Empty(t, c.Write(spec.RoleWorker, append(answer[cut:], answer...))[0].Violations)
			require.Equal(t, "MSG-1", c.Write(spec.RoleWorker, answer)[0].Violations[0].Clause)
		}
	}
}

func TestConnectionJudgesTheDirectionsApartAfterAFramingError(t *testing.T) {
	c, err := NewConnection(Options{})
	require.NoError(t, err)
	bad := wire.EncodeWith(1, wire.Request(1, "echo", "1"), func(h *wire.Header) { h.CRC++ })
	require.Equal(t, "CRC-4", c.Write(spec.RolePool, bad)[0].Violations[0].Clause)
	require.Empty(t, c.Write(spec.RoleWorker, wire.Encode(spec.Enhanced, 0, wire.ErrorAnswer(0, "bad_crc")))[0].Violations)
	require.NotEmpty(t, c.Write(spec.RoleWorker, wire.Encode(spec.Enhanced, 0, []byte("no answer")))[0].Violations)
	require.Equal(t, spec.Truncated, append(c.Write(spec.RoleWorker, []byte("PY")), c.End(spec.RoleWorker)...)[0].Violations[0].Kind)
}

func TestConnectionForgetsAndThenAccusesLessExactly(t *testing.T) {
	c, err := NewConnection(Options{})
	require.NoError(t, err)
	for id := uint64(1); id <= historyLimit+2; id++ {
		require.Empty(t, c.Write(spec.RolePool, wire.Encode(spec.Enhanced, id, wire.Request(id, "m", "")))[0].Violations)
		require.Empty(t, c.Write(spec.RoleWorker, wire.Encode(spec.Enhanced, id, wire.OKAnswer(id, "1")))[0].Violations)
	}
	for id, clause := range []string{"RID-8", "RID-8", "RID-8", "MSG-1"} { // 0 was never asked for, and 1 and 2 are forgotten
		answer := wire.Encode(spec.Enhanced, uint64(id), wire.OKAnswer(uint64(id), "1"))
		require.Equal(t, clause, c.Write(spec.RoleWorker, answer)[0].Violations[0].Clause, id)
	}
	require.Len(t, c.history.outcomes, historyLimit)
	require.Zero(t, c.dues)
	require.Empty(t, c.due)
}

// A right pool and a right worker are never accused, whatever is cancelled, however late, in whatever order
// and pieces, and one violation planted among it all is the only one that is seen.
func TestConnectionAccusesOnlyWhatWasPlanted(t *testing.T) {
	seeded.Check(t, 300, prop.ForAll(func(seed int64) string {
		random := rand.New(rand.NewPCG(uint64(seed), 2))
		framing := []spec.Framing{spec.Enhanced, spec.Basic}[random.IntN(2)]
		c, err := NewConnection(Options{})
		if err != nil {
			return err.Error()
		}
		feed := func(sender spec.Role, data []byte) (clauses []string) {
			for len(data) > 0 {
				n := 1 + random.IntN(len(data))
				for _, f := range c.Write(sender, data[:n]) {
					for _, v := range f.Violations {
						clauses = append(clauses, v.Clause)
					}
				}
				data = data[n:]
			}
			return clauses
		}
		type call struct {
			id                   uint64
			enveloped, cancelled bool
		}
		var outstanding, finished []call
		next := uint64(1)
		for range 60 {
			var got []string
			switch n := random.IntN(10); {
			case n < 5:
				r := call{id: next, enveloped: random.IntN(2) == 0}
				next++
				message := wire.Request(r.id, "echo", []string{"", "1", `"\u0041"`}[random.IntN(3)])
				if r.enveloped {
					message = wire.Envelope("request", message)
				}
				outstanding = append(outstanding, r)
				got = feed(spec.RolePool, wire.Encode(framing, r.id, message))
			case n < 6:
				id := random.Uint64N(next) + 1
				for i := range outstanding {
					if outstanding[i].id == id {
						outstanding[i].cancelled = true
					}
				}
				got = feed(spec.RolePool, wire.Encode(framing, id, wire.Cancellation(id, "")))
			case len(outstanding) > 0:
				i := random.IntN(len(outstanding))
				r := outstanding[i]
				outstanding = slices.Delete(outstanding, i, i+1)
				if r.cancelled && random.IntN(2) == 0 {
					continue // never answered
				}
				finished = append(finished, r)
				message := wire.OKAnswer(r.id, "[1]")
				if r.enveloped {
					message = wire.Envelope("response", message)
				}
				got = feed(spec.RoleWorker, wire.Encode(framing, r.id, message))
			}
			if len(got) > 0 {
				return fmt.Sprintf("right traffic is accused of %v", got)
			}
		}
		if len(finished) == 0 {
			return ""
		}
		r := finished[random.IntN(len(finished))]
		got := feed(spec.RoleWorker, wire.Encode(framing, r.id, wire.OKAnswer(r.id, "[1]")))
		if len(got) != 1 || got[0] != "MSG-1" && got[0] != "CAN-6" {
			return fmt.Sprintf("a second answer is accused of %v", got)
		}
		return ""
	}, gen.Int64()))
}
