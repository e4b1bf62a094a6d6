package pool

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// deadLink is a link that is down or not, and no more.
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
	first, err := s.acquire(t.Context())
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &waiter{granted: make(chan grant, 1)}
	place := s.waiters.PushBack(w)
	first.slot.free()
	require.Len(t, w.granted, 1)
	require.ErrorIs(t, s.leave(ctx, w, place), context.Canceled)

	_, err = s.acquire(t.Context())
	require.NoError(t, err)
}

// [SEL-3] News of a good health check may come after news of the end of the connection.
func TestAWorkerIsNotUpOnALinkThatIsDown(t *testing.T) {
	s := newScheduler(1, 1, NoQueue)
	s.open()
	require.False(t, s.up(0, deadLink{down: true}))
	_, err := s.acquire(t.Context())
	require.ErrorIs(t, err, ErrBusy)
	require.True(t, s.up(0, deadLink{}))
	_, err = s.acquire(t.Context())
	require.NoError(t, err)
}
