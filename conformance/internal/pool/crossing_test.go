package pool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Wherever the second event has to begin, some rounds later it begins there, and stays near.
func TestACrossingFindsWhereTwoEventsMeet(t *testing.T) {
	for _, meet := range []time.Duration{0, 30 * time.Microsecond, 700 * time.Microsecond, 20 * time.Millisecond, -300 * time.Microsecond} {
		var c crossing
		near := 0
		for round := range 60 {
			c.adjust(c.offset < meet)
			if round >= 30 && (c.offset-meet).Abs() <= 10*time.Microsecond {
				near++
			}
		}
		require.Greater(t, near, 15, "%v: at the end %v", meet, c.offset)
	}
}

func TestACrossingBeginsBothInTheOrderOfItsOffset(t *testing.T) {
	for _, c := range []struct {
		offset time.Duration
		order  string
	}{{0, "ab"}, {time.Microsecond, "ab"}, {-time.Microsecond, "ba"}} {
		order := ""
		(&crossing{offset: c.offset}).begin(func() { order += "a" }, func() { order += "b" })
		require.Equal(t, c.order, order)
	}
}
