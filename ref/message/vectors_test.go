package message_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/vectors"
	"github.com/stretchr/testify/require"
)

func TestEveryVectorIsTakenForWhatItIs(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	require.NotEmpty(t, set.Messages)
	for _, v := range set.Messages {
		for _, framing := range v.Framings {
			t.Run(v.TcID+"/"+string(framing), func(t *testing.T) {
				got := receive(t, v, framing)
				if v.Outcome == vectors.OutcomeErrorAnswer {
					ids := v.AnswerIDs.Basic
					if framing == vectors.Enhanced {
						ids = v.AnswerIDs.Enhanced
					}
					require.Equal(t, v.Outcome, got.Outcome, "%s [%s]", v.Comment, v.Clause)
					require.Contains(t, ids, got.ID, "%s [%s]", v.Comment, v.Clause)
					return
				}
				require.Equal(t, taken{
					Outcome: v.Outcome, ID: v.ID, Envelope: v.Envelope && v.Receiver == vectors.Worker,
					Method: v.Method, Body: valueOf(t, v.Body), OK: v.OK, ErrorText: v.ErrorText, Reason: reasonOf(v),
				}, got, "%s [%s]", v.Comment, v.Clause)
			})
		}
	}
}

// taken is how a receiver reads a message, in the fields of a vector.
type taken struct {
	Outcome   vectors.Outcome
	ID        uint64 // of an error answer, the ID it is given under
	Envelope  bool   // of a request: how to answer it [MSG-2]
	Method    string
	Body      any // decoded: equal values may be written in different ways [MSG-7]
	OK        bool
	ErrorText string
	Reason    string
}

func reasonOf(v vectors.MessageVector) string {
	if v.Reason == nil {
		return ""
	}
	return *v.Reason
}

// valueOf decodes a body. Integers of 64 bits are exact, other numbers are doubles.
func valueOf(t *testing.T, body json.RawMessage) any {
	t.Helper()
	if body == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return withNumbers(t, v)
}

func withNumbers(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case json.Number:
		if _, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return v
		}
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return v
		}
		f, err := v.Float64()
		require.NoError(t, err)
		return f
	case []any:
		for i := range v {
			v[i] = withNumbers(t, v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withNumbers(t, v[key])
		}
	}
	return v
}

// receive reads a message as a worker or a pool must, with this package.
func receive(t *testing.T, v vectors.MessageVector, framing vectors.Framing) taken {
	t.Helper()
	if v.Receiver == vectors.Pool {
		return receiveAsPool(t, v, framing)
	}
	return receiveAsWorker(t, v, framing)
}

func receiveAsPool(t *testing.T, v vectors.MessageVector, framing vectors.Framing) taken {
	t.Helper()
	r, err := message.ParseResponse(v.Bytes)
	switch {
	case err != nil:
		return taken{Outcome: vectors.OutcomeUnreadable}
	case violates(v, framing, r.ID):
		return taken{Outcome: vectors.OutcomeViolation}
	}
	return taken{Outcome: vectors.OutcomeResponse, ID: r.ID, OK: r.OK, Body: valueOf(t, r.Body), ErrorText: r.Error}
}

func receiveAsWorker(t *testing.T, v vectors.MessageVector, framing vectors.Framing) taken {
	t.Helper()
	r, err := message.ParseRequest(v.Bytes)
	if err == nil {
		if violates(v, framing, r.ID) {
			return taken{Outcome: vectors.OutcomeViolation}
		}
		return taken{Outcome: vectors.OutcomeRequest, ID: r.ID, Envelope: r.Enveloped, Method: r.Method, Body: valueOf(t, r.Body)}
	}
	if errors.Is(err, message.ErrType) {
		switch c, err := message.ParseCancellation(v.Bytes); {
		case err == nil && violates(v, framing, c.ID):
			return taken{Outcome: vectors.OutcomeViolation}
		case err == nil:
			return taken{Outcome: vectors.OutcomeCancellation, ID: c.ID, Reason: c.Reason}
		case !errors.Is(err, message.ErrType):
			return taken{Outcome: vectors.OutcomeIgnored} // [CAN-6]
		}
	}
	if framing == vectors.Enhanced {
		return taken{Outcome: vectors.OutcomeErrorAnswer, ID: v.HeaderID}
	}
	var e *message.MessageError
	errors.As(err, &e)
	return taken{Outcome: vectors.OutcomeErrorAnswer, ID: e.ID}
}

// violates reports whether the two IDs of a message differ [MSG-13].
func violates(v vectors.MessageVector, framing vectors.Framing, id uint64) bool {
	return framing == vectors.Enhanced && id != v.HeaderID
}
