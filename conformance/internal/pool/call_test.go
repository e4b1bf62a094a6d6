package pool

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// What belongs to another call is told as that [RID-4]. A body that a fault has changed may look like one that another call
// was given on purpose, and is no answer of that call.
func TestAnAnswerOfAnotherCallIsToldFromAChangedBody(t *testing.T) {
	s := &stage{}
	made := func(method, body string, own bool) *call {
		c := &call{s: s, method: method, body: json.RawMessage(body), ownBody: own}
		s.calls = append(s.calls, c)
		return c
	}
	mine := made("call-1", `{"call":1}`, true)
	made("call-2", `{"call":2}`, true)
	made("call-3", `9007199254740992`, false)
	for answer, of := range map[string]string{
		`{"call":1}`:                    "", // its own
		`{ "call" : 2 }`:                "call-2",
		`{"call":9}`:                    "",
		`9007199254740992`:              "",
		`{"status":"healthy","pid":17}`: "a health call",
	} {
		mine.answer = json.RawMessage(answer)
		require.Equal(t, of, mine.answerOfAnother(), answer)
	}
}
