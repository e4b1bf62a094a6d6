package pool

import (
	"encoding/binary"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
)

// order has the process do something. A process that is gone does nothing.
func (w *scriptedWorker) order(m scripted.Message) {
	w.writing.Lock()
	defer w.writing.Unlock()
	_, _ = w.control.Write(m.Append(nil))
}

// orderAndWait has the process do something and waits until it is done. It tells what went wrong.
func (w *scriptedWorker) orderAndWait(m scripted.Message) string {
	done := make(chan string, 1)
	w.s.mu.Lock()
	if w.exited {
		w.s.mu.Unlock()
		return "the process has ended"
	}
	w.lastTag++
	m.Tag = w.lastTag
	w.confirmations[m.Tag] = done
	w.s.mu.Unlock()
	w.order(m)
	ctx, cancel := w.s.t.Within()
	defer cancel()
	select {
	case problem := <-done:
		return problem
	case <-w.s.storyEnded:
		return "the case is over"
	case <-ctx.Done():
		return "it is not done after " + w.s.t.Patience().String()
	}
}

// listen has the worker listen at its path, which makes it ready [WRK-1].
func (w *scriptedWorker) listen() {
	w.note("listens")
	w.s.withLock(func() { w.listening = true; w.s.seq++ })
	w.order(scripted.Message{Kind: scripted.OrderListen})
}

// readOnly has the worker read that many more bytes of each connection and no more.
func (w *scriptedWorker) readOnly(n int64) {
	w.note("reads %d more bytes of each connection", n)
	w.orderAndWait(scripted.Message{Kind: scripted.OrderReadOnly, Data: binary.BigEndian.AppendUint64(nil, uint64(n))})
}

// readOnlyLocked does the same and does not wait.
func (w *scriptedWorker) readOnlyLocked(n int64) {
	w.order(scripted.Message{Kind: scripted.OrderReadOnly, Data: binary.BigEndian.AppendUint64(nil, uint64(n))})
}

// hang has the worker answer nothing any more, health calls included; it goes on reading.
func (w *scriptedWorker) hang() {
	w.note("hangs")
	w.s.withLock(func() { w.hung = true })
}

// writeStderr has the process write to its standard error.
func (w *scriptedWorker) writeStderr(text string) {
	w.note("writes %d bytes to its standard error, the last are %q", len(text), text[max(0, len(text)-60):])
	w.orderAndWait(scripted.Message{Kind: scripted.OrderStderr, Data: []byte(text)})
}

// exit has the process end with that status.
func (w *scriptedWorker) exit(status int) {
	w.note("exits with status %d", status)
	w.order(scripted.Message{Kind: scripted.OrderExit, Conn: uint32(status)})
}

// die has the process kill itself with SIGKILL.
func (w *scriptedWorker) die() {
	w.note("is killed")
	w.order(scripted.Message{Kind: scripted.OrderDie})
}

// sync waits until all that has reached the process by now has been taken in by the stage.
func (w *scriptedWorker) sync() { w.orderAndWait(scripted.Message{Kind: scripted.OrderSync}) }
