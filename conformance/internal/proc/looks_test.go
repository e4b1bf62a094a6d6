package proc

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// numbered returns looks of a second each, whose stacks hold the number of the look.
func numbered() (l *looks, began func() int) {
	n := 0
	return newLooks(func() map[string]string {
		n++
		<-time.After(time.Second)
		return map[string]string{"look": strconv.Itoa(n)}
	}), func() int { return n }
}

func TestAllThatAskShareALookThatBeganAfterTheyAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := numbered()
		var asks sync.WaitGroup
		ask := func(want string) {
			asks.Go(func() { require.Equal(t, want, l.take(t.Context())["look"]) })
		}
		ask("1")
		synctest.Wait()
		require.Equal(t, 1, began())
		for range 100 {
			ask("2") // the first has begun already
		}
		asks.Wait()
		require.Equal(t, 2, began())
	})
}

func TestLooksLeaveTheProcessMostOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := numbered()
		start := time.Now()
		for range 3 {
			l.take(t.Context())
		}
		require.Equal(t, (3+2*pausePerLook)*time.Second, time.Since(start))
	})
}

func TestNobodyWaitsForALookLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := numbered()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.Nil(t, l.take(ctx))
		<-time.After(time.Second) // a bubble of which something is left cannot end
	})
}
