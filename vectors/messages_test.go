package vectors_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/vectors"
)

// The reader below is written from SPEC.md alone, so that the verdicts in
// messages.json rest on more than the generators' word.
func TestAnotherReaderReachesEveryOutcome(t *testing.T) {
	for _, v := range loaded(t).Messages {
		for _, framing := range v.Framings {
			t.Run(v.TcID+"/"+string(framing), func(t *testing.T) {
				m := readMessage(v.Bytes)
				if v.Receiver == vectors.Worker {
					requireWorkerOutcome(t, v, framing, m)
				} else {
					requirePoolOutcome(t, v, framing, m)
				}
			})
		}
	}
}

func requireWorkerOutcome(t *testing.T, v vectors.MessageVector, framing vectors.Framing, m message) {
	method, methodIsString := m.fields["method"].(string)
	differs := framing == vectors.Enhanced && m.id != nil && *m.id != v.HeaderID
	switch {
	case m.isEnvelope && m.kind == "cancellation" && m.id == nil:
		require.Equal(t, vectors.OutcomeIgnored, v.Outcome) // [CAN-6]
	case differs && (!m.isEnvelope || m.kind == "request" || m.kind == "cancellation"):
		require.Equal(t, vectors.OutcomeViolation, v.Outcome) // [MSG-13]
	case m.isEnvelope && m.kind == "cancellation":
		require.Equal(t, vectors.OutcomeCancellation, v.Outcome)
		require.Equal(t, *m.id, v.ID)
		if reason, ok := m.fields["reason"].(string); ok {
			require.NotNil(t, v.Reason)
			require.Equal(t, reason, *v.Reason)
		} else {
			require.Nil(t, v.Reason)
		}
	case m.err == nil && m.id != nil && methodIsString && (!m.isEnvelope || m.kind == "request"):
		require.Equal(t, vectors.OutcomeRequest, v.Outcome)
		require.Equal(t, *m.id, v.ID)
		require.Equal(t, method, v.Method)
		require.Equal(t, m.isEnvelope, v.Envelope)
		requireBody(t, v, m)
	default: // [MSG-11, MSG-12]
		require.Equal(t, vectors.OutcomeErrorAnswer, v.Outcome)
		require.Equal(t, []uint64{v.HeaderID}, v.AnswerIDs.Enhanced)
		under := uint64(0)
		if m.id != nil {
			under = *m.id
		}
		require.Contains(t, v.AnswerIDs.Basic, under)
	}
}

func requirePoolOutcome(t *testing.T, v vectors.MessageVector, framing vectors.Framing, m message) {
	ok, okIsBool := m.fields["ok"].(bool)
	switch {
	case m.err != nil || m.id == nil || m.isEnvelope && m.kind != "response":
		require.Equal(t, vectors.OutcomeUnreadable, v.Outcome) // [RID-7]
	case framing == vectors.Enhanced && *m.id != v.HeaderID:
		require.Equal(t, vectors.OutcomeViolation, v.Outcome) // [MSG-13]
	case !okIsBool:
		require.Equal(t, vectors.OutcomeUnreadable, v.Outcome)
		require.Contains(t, v.Flags, "readable-id")
	default:
		require.Equal(t, vectors.OutcomeResponse, v.Outcome)
		require.Equal(t, *m.id, v.ID)
		require.Equal(t, ok, v.OK)
		require.Equal(t, m.isEnvelope, v.Envelope)
		if ok {
			requireBody(t, v, m)
		} else {
			require.Equal(t, m.fields["error"], v.ErrorText)
		}
	}
}

func requireBody(t *testing.T, v vectors.MessageVector, m message) {
	t.Helper()
	want, err := parse(v.Body)
	require.NoError(t, err)
	require.Equal(t, want, m.fields["body"]) // an absent one is nil, as null is
}

// A message is what was read of a payload.
type message struct {
	err        error          // why it is no JSON object
	isEnvelope bool           // [MSG-3]
	kind       string         // the type of the envelope
	fields     map[string]any // of the object that counts: in an envelope, its payload
	id         *uint64        // nil where it cannot be read [MSG-10]
}

func readMessage(payload []byte) message {
	value, err := parse(payload)
	if err != nil {
		return message{err: err}
	}
	fields, isObject := value.(map[string]any)
	if !isObject {
		return message{err: errors.New("no object")}
	}
	m := message{fields: fields}
	kind, typeIsString := fields["type"].(string)
	if inner, hasPayload := fields["payload"]; typeIsString && hasPayload {
		m.isEnvelope, m.kind = true, kind
		m.fields, _ = inner.(map[string]any)
	}
	if number, ok := m.fields["id"].(json.Number); ok {
		if id, err := strconv.ParseUint(number.String(), 10, 64); err == nil {
			m.id = &id
		}
	}
	return m
}

// parse is strict where encoding/json is not: it takes no bytes that are no UTF-8,
// and objects become maps, so that names are compared exactly.
func parse(text []byte) (any, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errors.New("no JSON in UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	return value, decoder.Decode(&value)
}

func TestBodiesThatADoubleChangesAreAmongTheVectors(t *testing.T) {
	changed := func(n uint64) bool { return n == math.MaxUint64 || uint64(float64(n)) != n }
	for _, receiver := range []vectors.Receiver{vectors.Worker, vectors.Pool} {
		require.True(t, slices.ContainsFunc(loaded(t).Messages, func(v vectors.MessageVector) bool {
			n, err := strconv.ParseUint(string(v.Body), 10, 64)
			return v.Receiver == receiver && err == nil && changed(n)
		}), receiver)
	}
}

// More than one ID is right only where the vector says why.
func TestAnswersMayBearTwoIDsOnlyWhereFlagged(t *testing.T) {
	for _, v := range loaded(t).Messages {
		two := len(v.AnswerIDs.Basic) > 1
		require.Equal(t, slices.Contains(v.Flags, "visible-id"), two, v.TcID)
		require.LessOrEqual(t, len(v.AnswerIDs.Enhanced), 1, v.TcID)
	}
}

func TestNoTwoMessagesAskTheSameQuestion(t *testing.T) {
	type question struct {
		receiver vectors.Receiver
		headerID uint64
		bytes    string
	}
	asked := map[question]string{}
	for _, v := range loaded(t).Messages {
		q := question{v.Receiver, v.HeaderID, string(v.Bytes)}
		require.Empty(t, asked[q], "%s has the bytes of this one", v.TcID)
		asked[q] = v.TcID
	}
}
