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
	enveloped bool
	cancelled bool
	// At which events it arrived, its answer was decided, and it was withdrawn by its cancellation or
	// the end of its connection; 0 where that has not been.
	arrived, answered, withdrawn int
}

// answer sends the answer, the way the request came [MSG-2].
func (r *request) answer(body []byte) { r.reply(wire.OKAnswer(r.id, string(body))) }

// refuse sends an error answer.
func (r *request) refuse(text string) { r.reply(wire.ErrorAnswer(r.id, text)) }

func (r *request) reply(message []byte) {
	if r.enveloped {
		message = wire.Envelope("response", message)
	}
	r.send(r.frame(message))
}

// frame is a right frame with that message, under the ID of the request.
func (r *request) frame(message []byte) []byte {
	return wire.Encode(r.worker.s.options.Framing, r.id, message)
}

// send sends these bytes on the request's connection, which ends the request.
func (r *request) send(data []byte) {
	r.markAnswered()
	r.write(data)
}

func (r *request) markAnswered() {
	s := r.worker.s
	s.withLock(func() {
		s.seq++
		if r.answered == 0 {
			r.answered = s.seq
		}
	})
}

// write sends these bytes, which do not end the request.
func (r *request) write(data []byte) {
	r.record(data)
	r.worker.order(scripted.Message{Kind: scripted.OrderWrite, Conn: r.conn.number, Data: data})
}

// writeAndWait does so and waits until they have left the process.
func (r *request) writeAndWait(data []byte) string {
	r.record(data)
	return r.worker.orderAndWait(scripted.Message{Kind: scripted.OrderWrite, Conn: r.conn.number, Data: data})
}

func (r *request) record(data []byte) {
	s := r.worker.s
	s.t.Saw(fmt.Sprintf("%s → pool, connection %d", r.worker.name(), r.conn.number), s.options.Framing, data)
}

// closeConnection closes the request's connection after all that was sent on it.
func (r *request) closeConnection() {
	r.worker.note("closes connection %d", r.conn.number)
	r.markAnswered()
	r.worker.order(scripted.Message{Kind: scripted.OrderClose, Conn: r.conn.number})
}

// hangUp closes the request's connection, unless that has ended, and waits until it is done.
func (r *request) hangUp() {
	var ended bool
	r.worker.s.withLock(func() { ended = r.conn.ended })
	if !ended {
		r.worker.note("closes connection %d", r.conn.number)
		r.worker.orderAndWait(scripted.Message{Kind: scripted.OrderClose, Conn: r.conn.number})
	}
}

// outstanding reports whether the request still waits for an answer that can be sent.
func (r *request) outstandingLocked() bool { return r.answered == 0 && r.withdrawn == 0 }
