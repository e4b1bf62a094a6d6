package pool

import (
	"encoding/json"
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// request is one request of the pool at a worker.
type request struct {
	worker    *scriptedWorker
	conn      *connection
	id        uint64
	headerID  uint64
	method    string
	body      json.RawMessage
	size      int // bytes of the frame's payload
	enveloped bool
	cancelled bool // by a message, not by the end of its connection
	// Numbers of the events at which the request arrived, the case decided to answer it, and its cancellation or the
	// end of its connection withdrew it. A number is 0 if that has not happened.
	arrived, answered, withdrawn int
}

// isHealth reports whether the request is a health call of the pool's own.
func (r *request) isHealth() bool { return r.method == "health" }

// answerHealth answers a health call as a healthy worker does [WRK-20].
func (r *request) answerHealth() {
	r.answer(fmt.Appendf(nil, `{"status":"healthy","pid":%d}`, r.worker.pid))
}

// answer sends an answer with that body, in an envelope if the request came in one [MSG-2].
func (r *request) answer(body []byte) { r.reply(wire.OKAnswer(r.id, string(body))) }

// refuse sends an error answer with that text.
func (r *request) refuse(text string) { r.reply(wire.ErrorAnswer(r.id, text)) }

// reply sends the message, in an envelope if the request came in one.
func (r *request) reply(message []byte) {
	if r.enveloped {
		message = wire.Envelope("response", message)
	}
	r.send(r.frame(message))
}

// frame returns a right frame that holds the message, under the ID of the request.
func (r *request) frame(message []byte) []byte {
	return wire.Encode(r.worker.s.options.Framing, r.id, message)
}

// send writes data on the request's connection and counts the request as answered.
func (r *request) send(data []byte) {
	r.markAnswered()
	r.write(data)
}

// markAnswered counts the request as answered from now on.
func (r *request) markAnswered() {
	s := r.worker.s
	s.withLock(func() {
		s.seq++
		if r.answered == 0 {
			r.answered = s.seq
		}
	})
}

// write writes data on the request's connection. The request still counts as outstanding.
func (r *request) write(data []byte) {
	r.record(data)
	r.worker.order(scripted.Message{Kind: scripted.OrderWrite, Conn: r.conn.number, Data: data})
}

// writeAndWait is like write, and waits until the worker has written the data.
func (r *request) writeAndWait(data []byte) error {
	r.record(data)
	return r.worker.orderAndWait(scripted.Message{Kind: scripted.OrderWrite, Conn: r.conn.number, Data: data})
}

// record adds bytes that the worker sends to the story of the case.
func (r *request) record(data []byte) {
	s := r.worker.s
	s.t.Saw(fmt.Sprintf("%s → pool, connection %d", r.worker.name(), r.conn.number), s.options.Framing, data)
}

// closeConnection closes the request's connection once everything sent on it is written. It counts the request as
// answered and does not wait.
func (r *request) closeConnection() {
	r.worker.note("closes connection %d", r.conn.number)
	r.markAnswered()
	r.worker.order(scripted.Message{Kind: scripted.OrderClose, Conn: r.conn.number})
}

// hangUp closes the request's connection if it is still open, and waits until it is closed.
func (r *request) hangUp() {
	var ended bool
	r.worker.s.withLock(func() { ended = r.conn.ended })
	if !ended {
		r.worker.note("closes connection %d", r.conn.number)
		_ = r.worker.orderAndWait(scripted.Message{Kind: scripted.OrderClose, Conn: r.conn.number})
	}
}

// outstandingLocked reports whether the request still waits for an answer.
func (r *request) outstandingLocked() bool { return r.answered == 0 && r.withdrawn == 0 }
