package framer

import (
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Remote stands for a framer in another process.
type Remote interface {
	Framer
	// WriteTogether has one concurrent writer for each list write its frames, each when the one before is
	// written. It returns what each write gave.
	WriteTogether(lists [][]spec.Frame) ([][]error, error)
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
	t *T
}

func (g guarded) ReadFrame() (spec.Frame, error) {
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
func (g guarded) remote() Remote {
	r, _ := g.Framer.(Remote)
	return r
}

// gone is what a call panics with where the framer's process has ended over it.
type gone string

// heed panics where the framer's process crashed, and ends the goroutine where that concluded the case.
func (t *T) heed(err error) {
	if errors.Is(err, suite.Crashed) {
		t.mu.Lock()
		t.lost++
		t.mu.Unlock()
		panic(gone(err.Error()))
	}
	if t.Concludes(err) {
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
		for _, one := range proc.Within(pid) {
			of, _ := proc.Of(one)
			used += of.Used
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
