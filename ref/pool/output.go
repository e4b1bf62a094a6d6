package pool

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// outputLimit bounds the output, in bytes, that waits for PoolOptions.Output.
const outputLimit = 1 << 20

// outputQueue passes the output of all workers on to PoolOptions.Output. Whoever adds output never waits for that
// writer, which may block: what exceeds outputLimit is dropped, and a line in the output says how much.
type outputQueue struct {
	to io.Writer

	mu      sync.Mutex
	waiting []byte        // at most outputLimit bytes
	dropped int           // bytes that came after waiting
	writing chan struct{} // closed when the goroutine that writes ends; nil while there is none
}

func (q *outputQueue) add(b []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dropped > 0 || len(q.waiting)+len(b) > outputLimit {
		q.dropped += len(b)
	} else {
		q.waiting = append(q.waiting, b...)
	}
	if q.writing == nil {
		q.writing = make(chan struct{})
		go q.write()
	}
}

// write writes until nothing waits.
func (q *outputQueue) write() {
	var b []byte
	for {
		q.mu.Lock()
		b, q.waiting = q.waiting, b[:0]
		if q.dropped > 0 {
			b = fmt.Appendf(b, "\npool: %d bytes of the workers' output were dropped: PoolOptions.Output takes too long\n", q.dropped)
			q.dropped = 0
		}
		if len(b) == 0 {
			close(q.writing)
			q.writing, q.waiting = nil, nil
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		_, _ = q.to.Write(b) // the output of a worker must be read even where nobody can be given it
	}
}

// flush waits until all output was written, but no longer than limit.
func (q *outputQueue) flush(limit time.Duration) {
	q.mu.Lock()
	writing := q.writing
	q.mu.Unlock()
	if writing == nil {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-writing:
	case <-timer.C:
	}
}

// workerOutput takes what one process prints, and keeps the end of it for error texts.
type workerOutput struct {
	queue *outputQueue // nil where the output is not passed on

	mu  sync.Mutex
	end []byte
}

// outputKept is how many bytes of the output are kept.
const outputKept = 4 << 10

func (o *workerOutput) Write(b []byte) (int, error) {
	o.mu.Lock()
	o.end = append(o.end, b[max(0, len(b)-outputKept):]...)
	if extra := len(o.end) - outputKept; extra > 0 {
		o.end = append(o.end[:0], o.end[extra:]...)
	}
	o.mu.Unlock()
	if o.queue != nil {
		o.queue.add(b)
	}
	return len(b), nil
}

func (o *workerOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.end)
}
