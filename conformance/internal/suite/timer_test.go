package suite

import (
	"os"
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

func TestTimeInWhichNoTurnComesIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		turns := 0
		timer := newTimer(time.Second, func(time.Duration) {
			if turns++; turns == 3 {
				<-time.After(20 * time.Second)
			}
		})
		<-timer.C
		require.Equal(t, 21*time.Second, time.Since(began))
		timer.Stop()
	})
}

func TestATurnLeavesNothingBehindAndComesWhereNoFolderCanBeMade(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	TakeATurn(time.Second)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	t.Setenv("TMPDIR", temporary+"/none")
	TakeATurn(time.Second)
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
	TakeATurn(0)
	require.Len(t, ran, ready)
}
