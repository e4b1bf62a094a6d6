package scripted

import (
	"io"
	"sync"
)

// Orders are the orders of a case to one process. Whoever gives one never waits until it is written: the process may take no
// order before the case has read an event, and the goroutine that reads events gives orders too.
type Orders struct {
	mu    sync.Mutex
	queue []byte        // given and not yet written
	given chan struct{} // holds an element after an order
	gone  chan struct{} // closed when the process has exited
}

// NewOrders returns orders without any.
func NewOrders() *Orders {
	return &Orders{given: make(chan struct{}, 1), gone: make(chan struct{})}
}

// Give gives an order. It is not written if the process has exited.
func (o *Orders) Give(m Message) {
	o.mu.Lock()
	o.queue = m.Append(o.queue)
	o.mu.Unlock()
	select {
	case o.given <- struct{}{}:
	default: // Write will look
	}
}

// Write writes the orders to the process, in the order in which they are given, until End or an error.
func (o *Orders) Write(control io.Writer) {
	for {
		select {
		case <-o.given:
		case <-o.gone:
			return
		}
		o.mu.Lock()
		queue := o.queue
		o.queue = nil
		o.mu.Unlock()
		if _, err := control.Write(queue); err != nil {
			return // that the process has exited shows where its events are read
		}
	}
}

// End ends Write: the process has exited. It is called once.
func (o *Orders) End() { close(o.gone) }
