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
	look  func() map[string]string
	mu    sync.Mutex
	next  *look         // has not begun
	ended chan struct{} // closed when the pause after the latest look is over; nil: there was none
}

type look struct {
	done   chan struct{}
	stacks map[string]string // once done is closed
}

// pausePerLook is how many times as long as a look the pause after it is.
const pausePerLook = 5

// take returns the stacks, by ID of the goroutine, in a look that began after the call. It returns nil if the context ends
// first.
func (l *looks) take(ctx context.Context) map[string]string {
	l.mu.Lock()
	mine := l.next
	if mine == nil {
		mine = &look{done: make(chan struct{})}
		before, ended := l.ended, make(chan struct{})
		l.next, l.ended = mine, ended
		go l.lookAfter(before, mine, ended)
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.stacks
	case <-ctx.Done():
		return nil
	}
}

// lookAfter looks once before is closed, and closes ended when another look may begin.
func (l *looks) lookAfter(before chan struct{}, mine *look, ended chan struct{}) {
	if before != nil {
		<-before
	}
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	began := time.Now()
	mine.stacks = l.look()
	close(mine.done)
	pause := time.NewTimer(pausePerLook * time.Since(began))
	defer pause.Stop()
	<-pause.C
	close(ended)
}

// shared is for the whole process, because a look stops the whole process.
var shared = looks{look: Goroutines}

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
