package conformance

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// Framer is what the suite asks of a framer over one stream. The suite makes a new one for each stream
// and leaves it when the stream has ended.
type Framer interface {
	// ReadFrame returns the next frame. It returns io.EOF at a clean end, and for a framing error one
	// that errors.Is finds BadMagic, BadLength, TooLarge, Truncated or BadCRC in. The payload need
	// only be valid until the next read.
	ReadFrame() (Frame, error)
	// WriteFrame writes one frame and returns when the stream has taken it whole or has failed; in the
	// basic framing the ID plays no part. It refuses a payload over the limit with an error in which
	// errors.Is finds TooLarge. Many goroutines may call it.
	WriteFrame(id uint64, payload []byte) error
}

// FramerOptions say what kind of framer a case needs.
type FramerOptions struct {
	Framing    Framing
	MaxPayload int // in bytes; 0 asks for the implementation's default [FRM-13]
}

// OpenFramer makes the framer under test over a stream.
type OpenFramer func(rw io.ReadWriter, o FramerOptions) Framer

// TestFramer runs every case for framers.
func TestFramer(t *testing.T, open func(rw io.ReadWriter, o FramerOptions) Framer, opts ...Option) {
	t.Helper()
	testFramer(t, open, opts...)
}

// testFramer runs every case as a subtest.
func testFramer(t *testing.T, open OpenFramer, opts ...Option) {
	t.Helper()
	o := newOptions(t.Context(), opts)
	if missing := framerMissing(open, o); missing != "" {
		t.Fatalf("there is no framer to test: %s", missing)
	}
	runAll(t, RoleFramer, o, framerJobs(open, o), nil)
}

// CheckFramer runs the same cases without a testing.T.
func CheckFramer(ctx context.Context, open func(rw io.ReadWriter, o FramerOptions) Framer, opts ...Option) Report {
	return checkFramer(ctx, open, opts...)
}

// checkFramer runs every case without a testing.T.
func checkFramer(ctx context.Context, open OpenFramer, opts ...Option) Report {
	o := newOptions(ctx, opts)
	if missing := framerMissing(open, o); missing != "" {
		rep := check(ctx, RoleFramer, o, nil, []string{"there is no framer to test: " + missing})
		rep.SetUp = missing
		return rep
	}
	return check(ctx, RoleFramer, o, framerJobs(open, o), nil)
}

// framerMissing says why no framer can be had, so that this is told once and not by every case.
func framerMissing(open OpenFramer, o *options) (why string) {
	if open == nil {
		return "the function that makes it is nil"
	}
	for _, framing := range o.framings {
		if why := framerMissingIn(open, framing); why != "" {
			return why
		}
	}
	return ""
}

func framerMissingIn(open OpenFramer, framing Framing) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = fmt.Sprintf("making one for the %s framing panicked: %v", framing, r)
		}
	}()
	if open(stream{sent(), io.Discard}, FramerOptions{Framing: framing}) == nil {
		why = fmt.Sprintf("the function that makes it returned nil for the %s framing", framing)
	}
	return why
}

func framerJobs(open OpenFramer, o *options) []job {
	run := &framerRun{make: open}
	var all []job
	for _, c := range framerCases() {
		all = append(all, jobs(c.Case, o, func(t *T) { c.run(&framerT{T: t, framerRun: run, clause: c.Clauses[0]}) })...)
	}
	return all
}

// framerRun is what the cases of one run share.
type framerRun struct {
	make OpenFramer
	hung sync.Map // clauses of which a case saw a call that did not return within the patience of the run
}

// framerT is a case's view of the framer under test.
type framerT struct {
	*T
	*framerRun
	clause string // that the case is named after

	mu      sync.Mutex
	remotes []RemoteFramer // made by the case
	lost    int            // processes of theirs that have ended over a call
}

// open makes a framer.
func (t *framerT) open(rw io.ReadWriter, o FramerOptions) guarded {
	f := t.make(rw, o)
	if r, ok := f.(RemoteFramer); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.remotes = append(t.remotes, r); len(t.remotes) == 1 {
			t.Cleanup(t.leave)
		}
	}
	return guarded{f, t}
}

// elsewhere reports whether the framers that the case has made live in other processes.
func (t *framerT) elsewhere() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.remotes) > 0
}

// pids are the processes that calls under way wait for.
func (t *framerT) pids() (all []int) {
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
func (t *framerT) retry() (found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		found = r.Retry() || found
	}
	return found
}

// crashes is how often a process of a framer has ended over a call.
func (t *framerT) crashes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost
}

// leave gives up what framers in other processes are still asked.
func (t *framerT) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		_ = r.Close()
	}
	t.remotes = nil
}

// moves is how much those framers and what carries their bytes have moved.
func (t *framerT) moves() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.remotes {
		n += r.Moves()
	}
	return n
}

type framerCase struct {
	Case
	run func(*framerT)
}

func framerCases() []framerCase {
	return slices.Concat(vectorCases(), readCases(), headerCases(), stickyCases(), memoryCases(), writeCases(), unitCases())
}

// A mover is a part of the suite that the framer under test keeps busy, unless it hangs.
type mover interface{ moves() int64 }

// attempt runs f, which calls the framer, and says what went wrong where f does not come back: a panic
// or a hang. A framer that still reads or writes does not hang, however slow the machine is. After a
// hang f is still running, and what it writes to must be left alone.
//
// Once a call has hung for as long as the patience lasts, no other case of the same clause waits that
// long. It then ends as not run, because a short wait proves nothing.
func (t *framerT) attempt(f func(), movers ...mover) (trouble string, hung bool) {
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
			if t.concluded() {
				runtime.Goexit()
			}
			return trouble, false
		case <-tick.C:
		case <-t.stopped():
			t.stop()
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
