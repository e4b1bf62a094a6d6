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

func (l deadLink) isDown() bool            { return l.down }
func (l deadLink) start(*pendingCall) bool { return false }

// take takes a slot, or waits for one.
func take(t *testing.T, s *scheduler, c *pendingCall) error {
	waits, err := s.acquire(c)
	if waits {
		err = s.await(t.Context(), c)
	}
	return err
}

// [BPR-3] The slot is granted at the moment the context ends.
func TestASlotGrantedToAWaiterThatLeavesIsNotLost(t *testing.T) {
	s := newScheduler(1, 1, 0)
	s.open()
	s.up(0, deadLink{})
	first := newPendingCall()
	require.NoError(t, take(t, s, first))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	waits := newPendingCall()
	s.waiters.insert(waits)
	first.slot.free()
	require.Len(t, waits.done, 1)
	require.ErrorIs(t, s.leave(ctx, waits), context.Canceled)

	require.NoError(t, take(t, s, newPendingCall()))
}

// [SEL-3] A check may succeed, and its result arrive after the connection has ended.
func TestAWorkerIsNotUpOnALinkThatIsDown(t *testing.T) {
	s := newScheduler(1, 1, NoQueue)
	s.open()
	require.False(t, s.up(0, deadLink{down: true}))
	require.ErrorIs(t, take(t, s, newPendingCall()), ErrBusy)
	require.True(t, s.up(0, deadLink{}))
	require.NoError(t, take(t, s, newPendingCall()))
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
		first := newPendingCall()
		require.NoError(t, take(t, s, first))
		var served []string
		wait := func(name string, c *pendingCall) {
			require.NoError(t, take(t, s, c))
			served = append(served, name)
			c.slot.free()
		}
		go wait("second", newPendingCall())
		synctest.Wait()
		go wait("third", newPendingCall())
		synctest.Wait()
		s.down(0, l)
		first.slot.free()
		go wait("first", first)
		synctest.Wait()
		s.up(0, l)
		synctest.Wait()
		require.Equal(t, []string{"first", "second", "third"}, served)
	})
}
