package suite

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATimerFiresAfterItsTimeUnlessItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		timer := NewTimer(time.Second)
		<-timer.C
		require.Equal(t, time.Second, time.Since(began))
		timer.Stop()

		timer = NewTimer(time.Second)
		timer.Stop()
		<-time.After(time.Minute)
		select {
		case <-timer.C:
			t.Fatal("it was stopped, and fired")
		default:
		}
	})
}

// What is ready to run before a turn is taken has run when the turn comes, so the time of a timer is no shorter than what
// stands in line needs.
func TestATurnComesBehindAllThatAreReady(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const ready = 200
	ran := make(chan struct{}, ready)
	for range ready {
		go func() { ran <- struct{}{} }()
	}
	TakeATurn()
	require.Len(t, ran, ready)
}
