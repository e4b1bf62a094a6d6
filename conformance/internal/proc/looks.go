package proc

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// looks lets all that ask for the stacks of this process share a look at them, one at a time. A look stops every goroutine
// for as long as it takes, some 60 µs for each of them, so cases that looked each for itself would hold up the process that
// they judge.
type looks struct {
	look func() map[string]string
	turn chan struct{} // holds one while a look is made, or the pause before it lasts
	free time.Time     // when the pause after the latest look is over; whoever has the turn may touch it

	mu   sync.Mutex
	next *look // has not begun
}

type look struct {
	done   chan struct{}
	stacks map[string]string // once done is closed
}

// pausePerLook is how many times as long as a look the pause after it is.
const pausePerLook = 5

func newLooks(at func() map[string]string) *looks {
	return &looks{look: at, turn: make(chan struct{}, 1)}
}

// take returns the stacks, by ID of the goroutine, in a look that began after the call. It returns nil if the context ends
// first.
func (l *looks) take(ctx context.Context) map[string]string {
	l.mu.Lock()
	mine := l.next
	if mine == nil {
		mine = &look{done: make(chan struct{})}
		l.next = mine
		go l.make(mine)
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.stacks
	case <-ctx.Done():
		return nil
	}
}

// make makes the look when its turn has come. Nothing of it is left once it is done, so that it is taken for no goroutine
// that a subject has left behind.
func (l *looks) make(mine *look) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	pause := time.NewTimer(time.Until(l.free))
	defer pause.Stop()
	<-pause.C
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	began := time.Now()
	mine.stacks = l.look()
	l.free = time.Now().Add(pausePerLook * time.Since(began))
	close(mine.done)
}

// shared is for the whole process, because a look stops the whole process.
var shared = newLooks(Goroutines)

// Stacks is like [Goroutines] for what looks often: all that ask share a look, and the looks leave the process most of its
// time. It returns nil if the context ends before a look that began after the call.
func Stacks(ctx context.Context) map[string]string { return shared.take(ctx) }

// roomForStacks remembers how many bytes the stacks took, because each look that finds too little room is made again.
var roomForStacks struct {
	mu    sync.Mutex
	bytes int
}

// allStacks returns the stacks of all goroutines as the runtime writes them.
func allStacks() []byte {
	roomForStacks.mu.Lock()
	defer roomForStacks.mu.Unlock()
	for room := max(1<<20, roomForStacks.bytes); ; room *= 2 {
		buf := make([]byte, room)
		if n := runtime.Stack(buf, true); n < room {
			roomForStacks.bytes = room
			return buf[:n]
		}
	}
}
