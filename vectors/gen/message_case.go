package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// usualID is the ID of a message, and of its header, where the ID is not what
// the vector is about.
const usualID = 7

// A messageFile collects the vectors of messages.json.
type messageFile struct{ cases []*messageCase }

// A messageCase is one vector in the making. A generator says what arrives and
// ends with what the receiver must take it for.
type messageCase struct {
	TcID      string     `json:"tcId"`
	Comment   string     `json:"comment"`
	Clause    string     `json:"clause"`
	Flags     []string   `json:"flags"`
	Receiver  string     `json:"receiver"`
	Framings  []string   `json:"framings"`
	HeaderID  string     `json:"headerId"`
	Bytes     string     `json:"bytes"`
	Text      *string    `json:"text,omitempty"`
	Outcome   string     `json:"outcome"`
	Envelope  *bool      `json:"envelope,omitempty"`
	ID        string     `json:"id,omitempty"`
	Method    *string    `json:"method,omitempty"`
	OK        *bool      `json:"ok,omitempty"`
	Body      string     `json:"body,omitempty"`
	ErrorText *string    `json:"errorText,omitempty"`
	Reason    *string    `json:"reason,omitempty"`
	AnswerIDs *answerIDs `json:"answerIds,omitempty"`

	enveloped bool
}

// answerIDs are the IDs that an error answer may bear, by framing.
type answerIDs struct {
	Enhanced []string `json:"enhanced"`
	Basic    []string `json:"basic"`
}

// worker starts a vector that a worker receives.
func (f *messageFile) worker(name, clause, comment string, args ...any) *messageCase {
	return f.start("worker", name, clause, fmt.Sprintf(comment, args...))
}

// pool starts a vector that a pool receives.
func (f *messageFile) pool(name, clause, comment string, args ...any) *messageCase {
	return f.start("pool", name, clause, fmt.Sprintf(comment, args...))
}

func (f *messageFile) start(receiver, name, clause, comment string) *messageCase {
	c := &messageCase{
		TcID:     receiver + "-" + name,
		Comment:  comment,
		Clause:   clause,
		Flags:    []string{},
		Receiver: receiver,
		Framings: []string{"enhanced", "basic"},
		HeaderID: decimal(usualID),
	}
	f.cases = append(f.cases, c)
	return c
}

func (c *messageCase) flagged(flag string) *messageCase {
	c.Flags = append(c.Flags, flag)
	return c
}

// gets is the payload that arrives.
func (c *messageCase) gets(payload string) *messageCase {
	c.Bytes = hex.EncodeToString([]byte(payload))
	if utf8.ValidString(payload) {
		c.Text = &payload
	}
	return c
}

// under is the ID in the header of the enhanced framing.
func (c *messageCase) under(headerID uint64) *messageCase {
	c.HeaderID = decimal(headerID)
	return c
}

// inEnvelope: the request or response is in an envelope.
func (c *messageCase) inEnvelope() *messageCase {
	c.enveloped = true
	return c
}

// isRequest: a worker runs the method with the body, which is JSON text, and
// answers the way the request came [MSG-2].
func (c *messageCase) isRequest(id uint64, method, body string) {
	c.Outcome, c.ID, c.Method, c.Body, c.Envelope = "request", decimal(id), &method, body, &c.enveloped
}

// isCancellation: the receiver cancels the ID and answers nothing.
func (c *messageCase) isCancellation(id uint64, reason *string) {
	c.Outcome, c.ID, c.Reason = "cancellation", decimal(id), reason
}

// isIgnored: the receiver does nothing and answers nothing.
func (c *messageCase) isIgnored() { c.Outcome = "ignored" }

// isAnsweredWithError: an error answer under the header's ID in the enhanced
// framing, and in the basic framing under one of the IDs given.
func (c *messageCase) isAnsweredWithError(basicIDs ...uint64) {
	c.Outcome = "error_answer"
	c.AnswerIDs = &answerIDs{Enhanced: []string{c.HeaderID}}
	for _, id := range basicIDs {
		c.AnswerIDs.Basic = append(c.AnswerIDs.Basic, decimal(id))
	}
}

// isViolation: final for the connection, with nothing run and nothing delivered.
// Only the enhanced framing has a second ID to differ from [MSG-13].
func (c *messageCase) isViolation() {
	c.Outcome, c.Framings = "violation", []string{"enhanced"}
}

// isResponse: a success that reaches its caller with the body, which is JSON text.
func (c *messageCase) isResponse(id uint64, body string) {
	ok := true
	c.Outcome, c.ID, c.OK, c.Body, c.Envelope = "response", decimal(id), &ok, body, &c.enveloped
}

// isFailure: an error answer that reaches its caller with the text [MSG-16].
func (c *messageCase) isFailure(id uint64, text string) {
	ok := false
	c.Outcome, c.ID, c.OK, c.ErrorText, c.Envelope = "response", decimal(id), &ok, &text, &c.enveloped
}

// isUnreadable: no answer to anybody; the calls of the connection fail.
func (c *messageCase) isUnreadable() { c.Outcome = "unreadable" }

func decimal(id uint64) string { return strconv.FormatUint(id, 10) }
