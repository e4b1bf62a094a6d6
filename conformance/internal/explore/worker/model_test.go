package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Where two messages share an ID, their answers may come in either order, and neither is taken for the other's.
func TestAnswersToMessagesThatShareAnIDComeInAnyOrder(t *testing.T) {
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	refused, answered := wire.ErrorAnswer(2, "no such thing"), wire.OKAnswer(2, deep)
	for _, c := range []struct {
		name  string
		sent  []string
		came  [][]byte
		fails string
	}{
		{"the error first", []string{`{"id":2,"method":"echo","body":` + deep + `}`, `{"id":2.0,"method":"echo"}`}, [][]byte{refused, answered}, ""},
		{"the echo first", []string{`{"id":2,"method":"echo","body":` + deep + `}`, `{"id":2.0,"method":"echo"}`}, [][]byte{answered, refused}, ""},
		{"both refused", []string{`{"id":2,"method":"echo","body":` + deep + `}`, `{"id":2.0,"method":"echo"}`}, [][]byte{refused, refused}, ""},
		{"a failure first", []string{`{"id":2.0,"method":"echo"}`, `{"id":2,"method":"fail","body":{"message":"no such thing"}}`}, [][]byte{refused, wire.ErrorAnswer(2, "unreadable")}, ""},
		{"an error that fits both, and then what fits one", []string{`{"id":2,"method":"echo","body":` + deep + `}`, `{"id":2,"method":"blob","body":{"size":10485760}}`},
			[][]byte{wire.ErrorAnswer(2, "too large"), answered}, ""},
		// A sleep takes any answer that comes late enough.
		{"an echo that fits a sleep too", []string{`{"id":2,"method":"sleep","body":{"ms":0}}`, `{"id":2,"method":"echo","body":5}`},
			[][]byte{wire.OKAnswer(2, "5"), wire.OKAnswer(2, "null")}, ""},
		{"an echo that fits a sleep too, beside what is no request", []string{`{"id":2,"method":"sleep","body":{"ms":0}}`, `{"id":2,"method":"echo","body":5}`, `{"id":2.0,"method":"echo"}`},
			[][]byte{wire.OKAnswer(2, "5"), wire.OKAnswer(2, "null"), refused}, ""},
		{"an answer to nobody beside a sleep", []string{`{"id":2,"method":"sleep","body":{"ms":0}}`, `{"id":2,"method":"echo","body":5}`},
			[][]byte{wire.OKAnswer(2, "6"), wire.OKAnswer(2, "7")}, "MSG-7"},
		{"both run", []string{`{"id":2,"method":"echo","body":` + deep + `}`, `{"id":2.0,"method":"echo"}`}, [][]byte{answered, answered}, "MSG-10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &model{seen: map[string]bool{}, exercised: map[string]bool{}}
			conn := &conn{name: "c1", spoken: spec.Enhanced, reading: true}
			m.conns = append(m.conns, conn)
			for _, message := range c.sent {
				m.feed(conn, wire.Encode(spec.Enhanced, 2, []byte(message)))
			}
			for _, answer := range c.came {
				m.got(conn, wire.Encode(spec.Enhanced, 2, answer))
			}
			if c.fails == "" {
				require.Nil(t, m.failure, fmt.Sprint(m.failure))
				return
			}
			require.NotNil(t, m.failure)
			require.Equal(t, c.fails, m.failure.Clause)
		})
	}
}
