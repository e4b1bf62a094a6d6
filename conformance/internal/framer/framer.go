package framer

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Framer is the framer under test. conformance.Framer says what its methods do. It stands there once more, and so do
// Options, because go doc shows nothing of a type that is an alias of an internal one.
type Framer interface {
	ReadFrame() (spec.Frame, error)
	WriteFrame(id uint64, payload []byte) error
}

// Options are conformance.FramerOptions, which say what each field means.
type Options struct {
	Framing    spec.Framing
	MaxPayload int
}

// Open makes a framer under test over a stream.
type Open func(rw io.ReadWriter, o Options) Framer

// shared is what all cases of one run share.
type shared struct {
	make        Open
	heap        int64        // bytes of this process when the run began
	heapLook    atomic.Int64 // when the heap was last looked at, in Unix nanoseconds
	huge        sync.Mutex   // held while a framer reads a stream that claims a huge payload
	hungClauses sync.Map     // clauses with a case in which a call did not return within the patience of the run
}

// testCase is a case for framers.
type testCase = suite.Case[*T]

// T runs one case against the framer under test.
type T struct {
	*suite.T
	*shared
	clause string // the first clause of the case

	mu      sync.Mutex
	remotes []Remote // framers in other processes, made by the case
	crashed int      // how many processes of framers ended during a call
}

// open makes a framer, and remembers it if it lives in another process.
func (t *T) open(rw io.ReadWriter, o Options) guarded {
	f := t.make(rw, o)
	if r, ok := f.(Remote); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.remotes = append(t.remotes, r); len(t.remotes) == 1 {
			t.Cleanup(t.closeRemotes)
		}
	}
	return guarded{f, t}
}

// inOtherProcess reports whether the framers of the case live in other processes.
func (t *T) inOtherProcess() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.remotes) > 0
}

// remotePIDs returns the IDs of the processes that calls under way wait for.
func (t *T) remotePIDs() (all []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		if pid := r.PID(); pid != 0 {
			all = append(all, pid)
		}
	}
	return all
}

// retryRemotes has new processes do what calls under way wait for. It reports whether there are any.
func (t *T) retryRemotes() (found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		found = r.Retry() || found
	}
	return found
}

// crashes returns how many processes of framers ended during a call.
func (t *T) crashes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.crashed
}

// closeRemotes gives up the calls of framers in other processes.
func (t *T) closeRemotes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		_ = r.Close()
	}
	t.remotes = nil
}

// remoteProgress returns a number that grows while the calls of framers in other processes get on.
func (t *T) remoteProgress() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		n += r.Moves()
	}
	return n
}

// progressing is a part of the suite that the framer under test uses, such as a stream. Its number grows with each use.
type progressing interface{ progress() int64 }

// attempt runs f, which calls the framer, in a goroutine of its own. It returns what went wrong: a panic, or a hang for as
// long as the patience of the run lasts. A framer that still uses one of the given parts does not hang, however slow the
// machine is. After a hang f still runs, so its results must not be read.
//
// After a hang, cases of the same clause wait a tenth of the patience. They end as not run, because a short wait proves
// nothing.
func (t *T) attempt(f func(), parts ...progressing) (trouble string, hung bool) {
	wait, proven := t.Patience(), true
	if _, before := t.hungClauses.Load(t.clause); before {
		wait, proven = wait/10, false
	}
	done := make(chan string, 1)
	go func() {
		trouble := "its goroutine ended in the middle of the call (runtime.Goexit)"
		defer func() {
			if r := recover(); r != nil {
				trouble = describePanic(r)
			}
			done <- trouble
		}()
		f()
		trouble = ""
	}()
	const ticks = 10 // as many as those of a [suite.Timer], and for its reason
	tick := time.NewTicker(wait / ticks)
	defer tick.Stop()
	last, retried := int64(0), false
	var remote cpuTime
	for quiet := 0; quiet < ticks; quiet++ {
		select {
		case trouble := <-done:
			if t.Concluded() {
				endGoroutine()
			}
			return trouble, false
		case <-tick.C:
			suite.TakeATurn(wait / ticks)
		case <-t.Stopped():
			t.Stop()
		}
		now := t.remoteProgress()
		for _, m := range parts {
			now += m.progress()
		}
		if now != last || remote.stillGrows(t.remotePIDs(), wait/ticks, wait/2) {
			last, quiet = now, 0
		} else if quiet == ticks-1 && proven && !retried && t.retryRemotes() {
			retried, quiet = true, 0 // perhaps the process hangs, and not the framer
		}
	}
	t.closeRemotes()
	t.hungClauses.Store(t.clause, true)
	if !proven {
		t.Blocked("given up after %v: in another case of %s a call of this framer has hung for %v", wait, t.clause, t.Patience())
	}
	return fmt.Sprintf("nothing after %v: the call hangs", wait), true
}
