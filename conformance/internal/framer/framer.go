package framer

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Framer is what the suite asks of a framer over one stream. The suite makes a new one for each stream
// and leaves it when the stream has ended.
type Framer interface {
	// ReadFrame returns the next frame. It returns io.EOF at a clean end, and for a framing error one
	// that errors.Is finds BadMagic, BadLength, TooLarge, Truncated or BadCRC in. The payload need
	// only be valid until the next read.
	ReadFrame() (spec.Frame, error)
	// WriteFrame writes one frame and returns when the stream has taken it whole or has failed; in the
	// basic framing the ID plays no part. It refuses a payload over the limit with an error in which
	// errors.Is finds TooLarge. Many goroutines may call it.
	WriteFrame(id uint64, payload []byte) error
}

// Options say what kind of framer a case needs.
type Options struct {
	Framing    spec.Framing
	MaxPayload int // in bytes; 0 asks for the implementation's default [FRM-13]
}

// Open makes the framer under test over a stream.
type Open func(rw io.ReadWriter, o Options) Framer

// shared is what the cases of one run share.
type shared struct {
	make Open
	hung sync.Map // clauses of which a case saw a call that did not return within the patience of the run
}

// T is a case's view of the framer under test.
type T struct {
	*suite.T
	*shared
	clause string // that the case is named after

	mu      sync.Mutex
	remotes []Remote // made by the case
	lost    int      // processes of theirs that have ended over a call
}

// open makes a framer.
func (t *T) open(rw io.ReadWriter, o Options) guarded {
	f := t.make(rw, o)
	if r, ok := f.(Remote); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.remotes = append(t.remotes, r); len(t.remotes) == 1 {
			t.Cleanup(t.leave)
		}
	}
	return guarded{f, t}
}

// elsewhere reports whether the framers that the case has made live in other processes.
func (t *T) elsewhere() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.remotes) > 0
}

// pids are the processes that calls under way wait for.
func (t *T) pids() (all []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		if pid := r.PID(); pid != 0 {
			all = append(all, pid)
		}
	}
	return all
}

// retry has other processes do what calls under way wait for, if there are any.
func (t *T) retry() (found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		found = r.Retry() || found
	}
	return found
}

// crashes is how often a process of a framer has ended over a call.
func (t *T) crashes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost
}

// leave gives up what framers in other processes are still asked.
func (t *T) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		_ = r.Close()
	}
	t.remotes = nil
}

// moves is how much those framers and what carries their bytes have moved.
func (t *T) moves() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		n += r.Moves()
	}
	return n
}

// A mover is a part of the suite that the framer under test keeps busy, unless it hangs.
type mover interface{ moves() int64 }

// attempt runs f, which calls the framer, and says what went wrong where f does not come back: a panic
// or a hang. A framer that still reads or writes does not hang, however slow the machine is. After a
// hang f is still running, and what it writes to must be left alone.
//
// Once a call has hung for as long as the patience lasts, no other case of the same clause waits that
// long. It then ends as not run, because a short wait proves nothing.
func (t *T) attempt(f func(), movers ...mover) (trouble string, hung bool) {
	wait, proven := t.Patience(), true
	if _, before := t.hung.Load(t.clause); before {
		wait, proven = wait/10, false
	}
	done := make(chan string, 1)
	go func() {
		trouble := "its goroutine ended in the middle of the call (runtime.Goexit)"
		defer func() {
			if r := recover(); r != nil {
				trouble = tellPanic(r)
			}
			done <- trouble
		}()
		f()
		trouble = ""
	}()
	// The wait is counted in ticks and not in one, so that it is long for a process that hardly runs.
	const ticks = 10
	tick := time.NewTicker(wait / ticks)
	defer tick.Stop()
	last, retried := int64(0), false
	var elsewhere work
	for quiet := 0; quiet < ticks; quiet++ {
		select {
		case trouble := <-done:
			if t.Concluded() {
				runtime.Goexit()
			}
			return trouble, false
		case <-tick.C:
		case <-t.Stopped():
			t.Stop()
		}
		now := t.moves()
		for _, m := range movers {
			now += m.moves()
		}
		if now != last || elsewhere.goesOn(t.pids(), wait/ticks, wait/2) {
			last, quiet = now, 0
		} else if quiet == ticks-1 && proven && !retried && t.retry() {
			retried, quiet = true, 0 // or the process hung, and not the framer
		}
	}
	t.leave()
	t.hung.Store(t.clause, true)
	if !proven {
		t.Blocked("given up after %v: in another case of %s a call of this framer has hung for %v", wait, t.clause, t.Patience())
	}
	return fmt.Sprintf("nothing after %v: the call hangs", wait), true
}

// tellPanic tells what a call panicked with, and where.
func tellPanic(r any) string {
	if c, ok := r.(gone); ok {
		return string(c)
	}
	return fmt.Sprintf("panic: %v\n%s", r, panicStack())
}
