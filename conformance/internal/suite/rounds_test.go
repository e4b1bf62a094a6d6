package suite

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRoundsEndAtHalfOfTheTimeOfTheCase(t *testing.T) {
	for _, c := range []struct {
		each time.Duration
		done int
		said bool
	}{{time.Millisecond, 150, false}, {time.Second, 41, true}, {time.Minute, 1, true}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 80*time.Second)
			defer cancel()
			of := &T{ctx: ctx, began: time.Now()}
			done := 0
			for round := range of.Rounds(150) {
				require.Equal(t, done, round)
				done++
				time.Sleep(c.each) // of the bubble's clock
			}
			require.Equal(t, c.done, done)
			require.Equal(t, c.said, len(of.timeline) > 0)
		})
	}
}
