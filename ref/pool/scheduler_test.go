package pool

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// deadLink is a link that only reports whether it is down.
type deadLink struct {
	link
	down bool
}

func (l deadLink) isDown() bool { return l.down }

// [BPR-3] The slot is granted at the moment the context ends.
func TestASlotGrantedToAWaiterThatLeavesIsNotLost(t *testing.T) {
	s := newScheduler(1, 1, 0)
	s.open()
	s.up(0, deadLink{})
	first, err := s.acquire(t.Context(), new(arrival))
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &waiter{granted: make(chan grant, 1)}
	place := s.waiters.PushBack(w)
	first.slot.free()
	require.Len(t, w.granted, 1)
	require.ErrorIs(t, s.leave(ctx, w, place), context.Canceled)

	_, err = s.acquire(t.Context(), new(arrival))
	require.NoError(t, err)
}

// [SEL-3] A check may succeed, and its result arrive after the connection has ended.
func TestAWorkerIsNotUpOnALinkThatIsDown(t *testing.T) {
	s := newScheduler(1, 1, NoQueue)
	s.open()
	require.False(t, s.up(0, deadLink{down: true}))
	_, err := s.acquire(t.Context(), new(arrival))
	require.ErrorIs(t, err, ErrBusy)
	require.True(t, s.up(0, deadLink{}))
	_, err = s.acquire(t.Context(), new(arrival))
	require.NoError(t, err)
}

// [HLT-13] Who finds a link broken may say so when the worker has been started again.
func TestALinkThatIsToldDownLateDoesNotTakeItsSuccessorDown(t *testing.T) {
	s := newScheduler(1, 1, NoQueue)
	s.open()
	before, after := &deadLink{}, &deadLink{}
	require.True(t, s.up(0, before))
	require.True(t, s.down(0, before))
	require.True(t, s.up(0, after))
	require.False(t, s.down(0, before))
	up, _ := s.state(0)
	require.True(t, up)
	require.True(t, s.down(0, after))
}

// A caller whose connection was broken tries again, and is served before those that arrived after it.
func TestACallerThatComesAgainKeepsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(1, 1, 0)
		s.open()
		l := deadLink{}
		s.up(0, l)
		var first arrival
		g, err := s.acquire(t.Context(), &first)
		require.NoError(t, err)
		var served []string
		wait := func(name string, place *arrival) {
			g, err := s.acquire(t.Context(), place)
			require.NoError(t, err)
			served = append(served, name)
			g.slot.free()
		}
		go wait("second", new(arrival))
		synctest.Wait()
		go wait("third", new(arrival))
		synctest.Wait()
		s.down(0, l)
		g.slot.free()
		go wait("first", &first)
		synctest.Wait()
		s.up(0, l)
		synctest.Wait()
		require.Equal(t, []string{"first", "second", "third"}, served)
	})
}
