package pool

import (
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// deadlines records the read deadlines that a turn sets.
type deadlines struct{ set []time.Time }

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

var past = time.Unix(1, 0)

// newTurn returns a turn in the given state. In callerReads, the call 7 has it.
func newTurn(state turnState) (*readTurn, *deadlines) {
	d := &deadlines{}
	t := &readTurn{mu: &sync.Mutex{}, conn: d, state: state, handed: make(chan error, 1)}
	if state == callerReads {
		t.caller = 7
	}
	return t, d
}

// Each event in each state: the table above readTurn, line by line.
func TestStatesOfTheTurnToRead(t *testing.T) {
	broken := errors.New("broken")
	for _, x := range []struct {
		name       string
		from       turnState
		event      func(*testing.T, *readTurn)
		to         turnState
		handed     bool  // the reader got the turn through handed
		handedWith error // with this error
		claimed    bool
	}{
		{name: "free, take", from: free, to: callerReads, event: func(t *testing.T, turn *readTurn) {
			require.True(t, turn.take(8))
			require.Equal(t, uint64(8), turn.caller)
		}},
		{name: "free, claim", from: free, to: readerReads, event: func(t *testing.T, turn *readTurn) {
			require.True(t, turn.claim())
		}},
		{name: "free, wake", from: free, to: readerReads, handed: true,
			event: func(t *testing.T, turn *readTurn) { turn.wake() }},
		{name: "free, interrupt", from: free, to: free,
			event: func(t *testing.T, turn *readTurn) { turn.interrupt(7) }},

		{name: "a caller reads, take", from: callerReads, to: callerReads, event: func(t *testing.T, turn *readTurn) {
			require.False(t, turn.take(8))
			require.Equal(t, uint64(7), turn.caller)
		}},
		{name: "a caller reads, claim", from: callerReads, to: callerReads, claimed: true,
			event: func(t *testing.T, turn *readTurn) { require.False(t, turn.claim()) }},
		{name: "a caller reads, wake", from: callerReads, to: callerReads,
			event: func(t *testing.T, turn *readTurn) { turn.wake() }},
		{name: "a caller reads, pass with nothing left", from: callerReads, to: free,
			event: func(t *testing.T, turn *readTurn) { turn.pass(nil, false) }},
		{name: "a caller reads, pass with more to read", from: callerReads, to: readerReads, handed: true,
			event: func(t *testing.T, turn *readTurn) { turn.pass(nil, true) }},
		{name: "a caller reads, pass with an error", from: callerReads, to: readerReads, handed: true, handedWith: broken,
			event: func(t *testing.T, turn *readTurn) { turn.pass(broken, false) }},
		{name: "a caller reads, claim and pass", from: callerReads, to: readerReads, handed: true,
			event: func(t *testing.T, turn *readTurn) {
				turn.claim()
				turn.pass(nil, false)
			}},

		{name: "the reader reads, take", from: readerReads, to: readerReads,
			event: func(t *testing.T, turn *readTurn) { require.False(t, turn.take(8)) }},
		{name: "the reader reads, claim", from: readerReads, to: readerReads,
			event: func(t *testing.T, turn *readTurn) { require.False(t, turn.claim()) }},
		{name: "the reader reads, wake", from: readerReads, to: readerReads,
			event: func(t *testing.T, turn *readTurn) { turn.wake() }},
		{name: "the reader reads, leave", from: readerReads, to: free,
			event: func(t *testing.T, turn *readTurn) { turn.leave() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			turn, conn := newTurn(x.from)
			x.event(t, turn)
			require.Equal(t, x.to, turn.state)
			require.Equal(t, x.claimed, turn.claimed)
			require.Empty(t, conn.set, "no event but interrupt touches the deadline")
			if !x.handed {
				require.Empty(t, turn.handed)
				return
			}
			require.Len(t, turn.handed, 1)
			require.Equal(t, x.handedWith, <-turn.handed)
		})
	}
}

func TestAnInterruptEndsTheReadOfItsOwnCallerOnly(t *testing.T) {
	later := time.Unix(5, 0)

	t.Run("another's", func(t *testing.T) {
		turn, conn := newTurn(callerReads)
		turn.interrupt(8)
		require.Empty(t, conn.set)
		turn.pass(nil, false)
		require.Empty(t, conn.set)
	})
	t.Run("after the caller has passed the turn on", func(t *testing.T) {
		turn, conn := newTurn(callerReads)
		turn.pass(nil, true)
		turn.interrupt(7)
		require.Empty(t, conn.set)
	})
	t.Run("its own", func(t *testing.T) {
		turn, conn := newTurn(callerReads)
		turn.setDeadline(later)
		turn.interrupt(7)
		require.Equal(t, []time.Time{later, past}, conn.set)
		turn.pass(os.ErrDeadlineExceeded, true)
		require.Equal(t, []time.Time{later, past, later}, conn.set, "the deadline before is restored")
		require.NoError(t, <-turn.handed, "the deadline was the caller's")
	})
	t.Run("its own, and the connection fails", func(t *testing.T) {
		turn, _ := newTurn(callerReads)
		turn.interrupt(7)
		turn.pass(os.ErrClosed, false)
		require.Equal(t, os.ErrClosed, <-turn.handed)
	})
	t.Run("and the connection gets another deadline meanwhile", func(t *testing.T) {
		turn, conn := newTurn(callerReads)
		turn.interrupt(7)
		turn.setDeadline(later)
		require.Equal(t, []time.Time{past}, conn.set, "the caller is to stop at once all the same")
		turn.pass(os.ErrDeadlineExceeded, false)
		require.Equal(t, []time.Time{past, later}, conn.set)
		require.Equal(t, free, turn.state)
	})
	t.Run("a deadline without an interrupt is the connection's", func(t *testing.T) {
		turn, _ := newTurn(callerReads)
		turn.setDeadline(later)
		turn.pass(os.ErrDeadlineExceeded, false)
		require.Equal(t, os.ErrDeadlineExceeded, <-turn.handed)
	})
}

func TestTheReaderAwaitsItsTurn(t *testing.T) {
	// await runs in a bubble, for answers that come every given time for an hour, and then no more.
	await := func(turn *readTurn, every time.Duration) (<-chan error, time.Time) {
		began := time.Now()
		done := make(chan error, 1)
		go func() {
			done <- turn.await(func() uint64 {
				if every == 0 {
					return 0
				}
				return uint64(min(time.Since(began), time.Hour) / every)
			})
		}()
		return done, began
	}
	t.Run("it is handed over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turn, _ := newTurn(callerReads)
			done, began := await(turn, 0)
			turn.mu.Lock()
			turn.pass(os.ErrClosed, false)
			turn.mu.Unlock()
			require.Equal(t, os.ErrClosed, <-done)
			require.Equal(t, began, time.Now())
		})
	})
	t.Run("it is free for a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turn, _ := newTurn(free)
			done, began := await(turn, 0)
			require.NoError(t, <-done)
			require.Equal(t, claimAfter, time.Since(began))
			require.Equal(t, readerReads, turn.state)
		})
	})
	t.Run("it is free, but answers come", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turn, _ := newTurn(free)
			done, began := await(turn, claimAfter/2)
			require.NoError(t, <-done)
			require.Equal(t, time.Hour+claimAfter, time.Since(began).Truncate(claimAfter))
		})
	})
	t.Run("a caller reads for long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turn, _ := newTurn(callerReads)
			done, _ := await(turn, 0)
			<-time.After(time.Hour)
			synctest.Wait()
			require.Empty(t, done)
			turn.mu.Lock()
			require.True(t, turn.claimed)
			turn.pass(nil, false)
			turn.mu.Unlock()
			require.NoError(t, <-done)
		})
	})
}
