package conformance

import "encoding/binary"

// order has the process do something. A process that is gone does nothing.
func (w *scriptedWorker) order(m controlMessage) {
	w.writing.Lock()
	defer w.writing.Unlock()
	_, _ = w.control.Write(m.append(nil))
}

// orderDone has the process do something and waits until it is done. It tells what went wrong.
func (w *scriptedWorker) orderDone(m controlMessage) string {
	done := make(chan string, 1)
	w.s.mu.Lock()
	if w.gone {
		w.s.mu.Unlock()
		return "the process has ended"
	}
	w.lastTag++
	m.tag = w.lastTag
	w.confirmed[m.tag] = done
	w.s.mu.Unlock()
	w.order(m)
	ctx, cancel := w.s.t.Within()
	defer cancel()
	select {
	case problem := <-done:
		return problem
	case <-w.s.over:
		return "the case is over"
	case <-ctx.Done():
		return "it is not done after " + w.s.t.Patience().String()
	}
}

// listen has the worker listen at its path, which makes it ready [WRK-1].
func (w *scriptedWorker) listen() {
	w.note("listens")
	w.s.set(func() { w.listening = true; w.s.seq++ })
	w.order(controlMessage{kind: orderListen})
}

// readOnly has the worker read that many more bytes of each connection and no more.
func (w *scriptedWorker) readOnly(n int64) {
	w.note("reads %d more bytes of each connection", n)
	w.orderDone(controlMessage{kind: orderReadOnly, data: binary.BigEndian.AppendUint64(nil, uint64(n))})
}

// readOnlyLocked does the same and does not wait.
func (w *scriptedWorker) readOnlyLocked(n int64) {
	w.order(controlMessage{kind: orderReadOnly, data: binary.BigEndian.AppendUint64(nil, uint64(n))})
}

// hang has the worker answer nothing any more, health calls included; it goes on reading.
func (w *scriptedWorker) hang() {
	w.note("hangs")
	w.s.set(func() { w.hung = true })
}

// say has the process write to its standard error.
func (w *scriptedWorker) say(text string) {
	w.note("writes %d bytes to its standard error, the last are %q", len(text), text[max(0, len(text)-60):])
	w.orderDone(controlMessage{kind: orderSay, data: []byte(text)})
}

// exit has the process end with that status.
func (w *scriptedWorker) exit(status int) {
	w.note("exits with status %d", status)
	w.order(controlMessage{kind: orderExit, conn: uint32(status)})
}

// die has the process kill itself with SIGKILL.
func (w *scriptedWorker) die() {
	w.note("is killed")
	w.order(controlMessage{kind: orderDie})
}

// sync waits until all that has reached the process by now has been taken in by the stage.
func (w *scriptedWorker) sync() { w.orderDone(controlMessage{kind: orderSync}) }
