package worker

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever wakes because a connection ended finds that it has, though the goroutine that read it still has its return to make.
func TestReadingHasEndedOnceItIsSaid(t *testing.T) {
	q := &peer{changed: make(chan struct{}), done: make(chan struct{})}
	require.False(t, q.readingEnded())
	woken := q.changed
	q.end(io.EOF)
	<-woken
	require.True(t, q.readingEnded())
}
