package framer

import (
	"io"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Remote is a framer in another process.
type Remote interface {
	Framer
	// WriteTogether writes each list of frames with a writer of its own, all at once. A writer writes its frames one
	// after another. It returns the error of each write.
	WriteTogether(lists [][]spec.Frame) ([][]error, error)
	// ReadAlone reads all frames of the stream in a new process, and calls look after the last one, before the process
	// does anything else. It reports whether the framer then waits for more.
	ReadAlone(look func(pid int)) (waits bool, err error)
	// Moves returns a number that grows while a call under way takes time that is not the framer's.
	Moves() int64
	// PID returns the ID of the process that a call under way waits for, and 0 if there is none.
	PID() int
	// Retry has a new process do what a call under way waits for. It reports whether a call is under way.
	Retry() bool
	// Close gives up the calls under way.
	Close() error
}

// TookTooMuch begins the text of the error of a process that was ended because of the memory it took [FRM-11].
const TookTooMuch = "ended by the suite, because it took"

// Script is all that a stream of the suite will bring and take. A framer in another process gets it whole, because single
// reads and writes do not reach it.
type Script struct {
	// Pieces are what the stream brings. A Read takes from one of them at most; an empty one is a Read of 0 bytes.
	Pieces [][]byte
	// End comes after them: io.EOF, or an error of the stream, or nil for a stream that stays open and silent.
	End error
	// EndWithLast says that the Read that returns the last bytes returns End, too.
	EndWithLast bool
	// Accept is how many bytes the stream takes before a Write is short; 0 for a stream that takes everything.
	Accept int
}

// Scripted is a stream that has a script. All streams of the suite but sockets have one.
type Scripted interface {
	io.ReadWriter
	Script() Script
}

// guarded is a framer whose calls end their goroutine if their error comes from its process and not from the framer.
type guarded struct {
	Framer
	t *T
}

func (g guarded) ReadFrame() (spec.Frame, error) {
	f, err := g.Framer.ReadFrame()
	g.t.endCallOn(err)
	return f, err
}

func (g guarded) WriteFrame(id uint64, payload []byte) error {
	err := g.Framer.WriteFrame(id, payload)
	g.t.endCallOn(err)
	return err
}

// remote returns the framer as one in another process, and nil if it lives in this one.
func (g guarded) remote() Remote {
	r, _ := g.Framer.(Remote)
	return r
}

// cpuTime is the processor time that the processes of framers have used: when a call began to be watched, and last.
type cpuTime struct{ first, last time.Duration }

// stillGrows reports whether the processes have worked during the time since the last call, or wait for a processor or a
// disk, and have worked for less than the limit in all. A call may take long on a slow or shared machine; a framer that
// hangs waits for something else, or works for ever.
func (w *cpuTime) stillGrows(pids []int, since, limit time.Duration) bool {
	used, busy := time.Duration(0), false
	for _, pid := range pids {
		for _, one := range proc.Within(pid) {
			of, _ := proc.Of(one)
			used += of.Used
			busy = busy || proc.Busy(one)
		}
	}
	grown := used - w.last
	if w.last == 0 || grown < 0 { // another process
		*w = cpuTime{used, used}
		return false
	}
	w.last = used
	return (busy || grown > since/50) && used-w.first < limit
}
