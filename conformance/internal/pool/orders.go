package pool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
)

// order sends an order to the process and does not wait. It does nothing if the process has exited.
func (w *scriptedWorker) order(m scripted.Message) { w.orders.Give(m) }

// orderAndWait sends an order to the process and waits until it has been carried out. It returns an error if the process
// could not carry it out or exits first, if the case ends, or after the patience of the run.
func (w *scriptedWorker) orderAndWait(m scripted.Message) error {
	done := make(chan error, 1)
	w.s.mu.Lock()
	if w.exited {
		w.s.mu.Unlock()
		return errExited
	}
	w.lastTag++
	m.Tag = w.lastTag
	w.confirmations[m.Tag] = done
	w.s.mu.Unlock()
	w.order(m)
	ctx, cancel := w.s.t.Within()
	defer cancel()
	select {
	case err := <-done:
		return err
	case <-w.s.storyEnded:
		return errors.New("the case is over")
	case <-ctx.Done():
		return fmt.Errorf("it is not done after %v", w.s.t.Patience())
	}
}

// listen lets the worker listen at its path, which makes it ready [WRK-1].
func (w *scriptedWorker) listen() {
	w.note("listens")
	w.s.withLock(func() { w.listening = true; w.s.seq++ })
	w.order(scripted.Message{Kind: scripted.OrderListen})
}

// bind lets the worker make its socket and not listen at it yet.
func (w *scriptedWorker) bind() {
	w.note("makes its socket")
	w.order(scripted.Message{Kind: scripted.OrderBind})
}

// readOnly lets the worker read n more bytes of each connection and then stop reading. It waits until the worker has
// the order.
func (w *scriptedWorker) readOnly(n int64) {
	w.note("reads %d more bytes of each connection", n)
	_ = w.orderAndWait(readOnlyOrder(n))
}

// readOnlyLocked is like readOnly, and does not wait.
func (w *scriptedWorker) readOnlyLocked(n int64) { w.order(readOnlyOrder(n)) }

func readOnlyOrder(n int64) scripted.Message {
	return scripted.Message{Kind: scripted.OrderReadOnly, Data: binary.BigEndian.AppendUint64(nil, uint64(n))}
}

// hang lets the worker answer nothing from now on, health calls included. It goes on reading.
func (w *scriptedWorker) hang() {
	w.note("hangs")
	w.s.withLock(func() { w.hung, w.hungSince = true, time.Now() })
}

// resume lets a worker that hung answer again, beginning with the health calls that it has not answered.
func (w *scriptedWorker) resume() {
	w.note("answers again")
	var late []*request
	w.s.withLock(func() { w.hung, late, w.unanswered = false, w.unanswered, nil })
	for _, r := range late {
		r.answerHealth()
	}
}

// writeStderr lets the process write text to its standard error, and waits until it has.
func (w *scriptedWorker) writeStderr(text string) { _ = w.prints(scripted.OrderStderr, text) }

// prints lets the process write text to one of its files, and waits until it has. It returns an error if the process
// could not write all of it within the patience of the run.
func (w *scriptedWorker) prints(to scripted.Kind, text string) error {
	name := "error"
	if to == scripted.OrderStdout {
		name = "output"
	}
	w.note("writes %d bytes to its standard %s, the last are %q", len(text), name, text[max(0, len(text)-60):])
	return w.orderAndWait(scripted.Message{Kind: to, Data: []byte(text)})
}

// exit lets the process exit with that status.
func (w *scriptedWorker) exit(status int) { w.s.withLock(func() { w.exitLocked(status) }) }

// exitLocked is like exit, with the stage locked.
func (w *scriptedWorker) exitLocked(status int) {
	w.note("exits with status %d", status)
	w.exitOrdered = true
	w.order(scripted.Message{Kind: scripted.OrderExit, Conn: uint32(status)})
}

// die lets the process kill itself with SIGKILL.
func (w *scriptedWorker) die() {
	w.note("is killed")
	w.s.withLock(func() { w.exitOrdered = true })
	w.order(scripted.Message{Kind: scripted.OrderDie})
}

// sync waits until the stage has recorded everything that has reached the process by now.
func (w *scriptedWorker) sync() { _ = w.orderAndWait(scripted.Message{Kind: scripted.OrderSync}) }
