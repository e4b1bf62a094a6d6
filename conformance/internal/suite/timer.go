package suite

import (
	"os"
	"runtime"
	"time"
)

// A Timer is like a [time.Timer] for what runs in this process, such as a framer or a pool under test: only time counts in
// which a goroutine gets its turn, its memory and the disk. A process that is starved, or collects garbage with all that it
// is given, still fires its timers, and what wakes from a timer goes before what has waited for its turn. A disk that
// writes what others gave it can hold up whoever binds a socket for seconds, and holds up no timer.
type Timer struct {
	C       <-chan struct{} // closed when the time is over
	stopped chan struct{}
}

// ticks are the parts of a timer's time. Between two of them a goroutine waits for its turn as any other does, so that in a
// process that hardly gets to run, many short waits take longer than one long wait.
const ticks = 10

// NewTimer starts a timer of d.
func NewTimer(d time.Duration) *Timer { return newTimer(d, TakeATurn) }

func newTimer(d time.Duration, takeATurn func(waited time.Duration)) *Timer {
	over, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		tick := time.NewTimer(d / ticks)
		defer tick.Stop()
		for range ticks {
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
			takeATurn(d / ticks)
			tick.Reset(d / ticks)
		}
		close(over)
	}()
	return &Timer{C: over, stopped: stopped}
}

// Stop lets go of what the timer holds. Its channel is then not closed any more, unless it is already.
func (t *Timer) Stop() { close(t.stopped) }

// TakeATurn returns when this goroutine has stood in line behind those that are ready to run and has got some memory. After
// a wait of a tenth of a second or more it has made a folder and removed it as well, which takes a tenth of a millisecond.
func TakeATurn(waited time.Duration) {
	for range 8 {
		runtime.Gosched()
	}
	size := 64 << 10
	runtime.KeepAlive(make([]byte, size*runtime.GOMAXPROCS(0)))
	if waited < 100*time.Millisecond {
		return
	}
	if dir, err := os.MkdirTemp("", "pp"); err == nil { // where none can be made, no subject waits for the disk either
		_ = os.Remove(dir)
	}
}
