package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"time"
)

// RemoteFramer stands for a framer in another process.
type RemoteFramer interface {
	Framer
	// WriteTogether has one concurrent writer for each list write its frames, each when the one before is
	// written. It returns what each write gave.
	WriteTogether(lists [][]Frame) ([][]error, error)
	// ReadAlone reads all frames that there are, in a process of its own, and calls look while that process
	// is as the last read left it. It reports whether the framer then waits for more.
	ReadAlone(look func(pid int)) (waits bool, err error)
	// Moves grows while a call under way takes time that is not the framer's.
	Moves() int64
	// PID is that of the process that a call under way waits for, 0 where there is none.
	PID() int
	// Retry has another process do what a call under way waits for, and reports whether there is one.
	Retry() bool
	// Close gives up the calls under way.
	Close() error
}

// RemotePool stands for a pool in another process.
type RemotePool interface {
	Pool
	// HealthNow is Health, with an error where there is none to be had.
	HealthNow() (Health, error)
	// PID is that of the process.
	PID() int
	// Another makes one more pool in the same process, once this one is shut down.
	Another(o PoolOptions) (Pool, error)
	// Close ends the process.
	Close() error
}

// Script is what a stream of the suite has in store, so that a framer in another process can be given
// all of it at once.
type Script struct {
	// Pieces come one by one, a Read takes from one of them at most. An empty one is a Read that brings
	// nothing.
	Pieces [][]byte
	// End is what comes behind them: io.EOF, an error of the stream, or nil where it stays open and silent.
	End error
	// EndWithLast has End come together with the last bytes.
	EndWithLast bool
	// Accept is how many bytes the stream takes in all until a Write is short, and 0 where it takes everything.
	Accept int
}

// Scripted is a stream that tells its script. The streams of the suite do.
type Scripted interface {
	io.ReadWriter
	Script() Script
}

// guarded is a framer whose calls end their goroutine where its process could not do its part.
type guarded struct {
	Framer
	t *framerT
}

func (g guarded) ReadFrame() (Frame, error) {
	f, err := g.Framer.ReadFrame()
	g.t.heed(err)
	return f, err
}

func (g guarded) WriteFrame(id uint64, payload []byte) error {
	err := g.Framer.WriteFrame(id, payload)
	g.t.heed(err)
	return err
}

// remote is what stands here for a framer in another process, nil where the framer lives in this one.
func (g guarded) remote() RemoteFramer {
	r, _ := g.Framer.(RemoteFramer)
	return r
}

// gone is what a call panics with where the framer's process has ended over it.
type gone string

// heed panics where the framer's process crashed, and ends the goroutine where that concluded the case.
func (t *framerT) heed(err error) {
	if errors.Is(err, Crashed) {
		t.mu.Lock()
		t.lost++
		t.mu.Unlock()
		panic(gone(err.Error()))
	}
	if t.concludes(err) {
		runtime.Goexit()
	}
}

// work is the processor time that the processes of framers use for a call.
type work struct{ first, last time.Duration }

// goesOn reports whether they have worked since it was asked last, and not yet for as long as the limit. On a
// machine that is slow or shared a call takes long, but a framer that hangs waits or works for ever.
func (w *work) goesOn(pids []int, since, limit time.Duration) bool {
	used := time.Duration(0)
	for _, pid := range pids {
		for _, one := range processesWithin(pid) {
			of, _ := processOf(one)
			used += of.used
		}
	}
	grown := used - w.last
	if w.last == 0 || grown < 0 { // another process
		*w = work{used, used}
		return false
	}
	w.last = used
	return grown > since/50 && used-w.first < limit
}

// concludes fixes how the case ends where an error says that nothing is known or offered.
func (t *T) concludes(err error) bool {
	switch {
	case errors.Is(err, Unreachable):
		t.conclude(StatusBlocked, err.Error())
	case errors.Is(err, Unsupported):
		t.conclude(StatusUnsupported, err.Error())
	default:
		return false
	}
	return true
}

// guardedPool is a pool whose errors conclude the case where its process could not do its part.
type guardedPool struct {
	Pool
	t *poolT
}

func (g guardedPool) Start(ctx context.Context) error { return g.heed(g.Pool.Start(ctx)) }

func (g guardedPool) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	answer, err := g.Pool.Call(ctx, method, body)
	return answer, g.heed(err)
}

func (g guardedPool) Health() Health {
	r := g.remote()
	if r == nil {
		return g.Pool.Health()
	}
	h, err := r.HealthNow()
	_ = g.heed(err)
	return h
}

func (g guardedPool) Shutdown(ctx context.Context) error { return g.heed(g.Pool.Shutdown(ctx)) }

func (g guardedPool) heed(err error) error {
	if errors.Is(err, Crashed) {
		clause := g.t.cites[0]
		g.t.conclude("", "", Finding{Clause: clause, Want: "a pool whose process lives", Got: err.Error()})
	}
	g.t.concludes(err)
	return err
}

// remote is what stands here for a pool in another process, nil where the pool lives in this one.
func (g guardedPool) remote() RemotePool {
	r, _ := g.Pool.(RemotePool)
	return r
}
