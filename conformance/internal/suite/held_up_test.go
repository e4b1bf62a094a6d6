package suite

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// heldUpTrials runs a case whose trials take 1.2 s and end as given. In each of them the process does not get to run for as
// long as held says.
func heldUpTrials(t *testing.T, limits bool, held []time.Duration, ends ...func(*T)) (result.Result, int) {
	var trials atomic.Int64
	o := NewOptions(t.Context(), nil)
	o.takeATurn = func(time.Duration) {
		if n := int(trials.Load()); n <= len(held) {
			wait(t, held[n-1])
		}
	}
	r := RunJob(t.Context(), Job{Info: Info{Name: "a", Clauses: []string{"STA-1"}}, Run: func(t *T) {
		n := trials.Add(1)
		if limits {
			t.SetsLimits()
		}
		<-time.After(1200 * time.Millisecond)
		ends[n-1](t)
	}}, o)
	return r, int(trials.Load())
}

// wait waits, or for the end of the test.
func wait(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func TestAVerdictDoesNotRestOnATrialInWhichTheSuiteWasHeldUp(t *testing.T) {
	fails := func(t *T) { t.FailNow("STA-1", "Start waits", "it gave up") }
	blocked := func(t *T) { t.Blocked("too slow") }
	passes := func(*T) {}
	const long = 1200 * time.Millisecond
	for _, c := range []struct {
		name      string
		unlimited bool
		held      []time.Duration
		ends      []func(*T)
		want      result.Status
		trials    int
	}{
		{"fails, and was not held up", false, nil, []func(*T){fails}, result.StatusFail, 1},
		{"fails, then fails on a quiet machine", false, []time.Duration{long}, []func(*T){fails, fails}, result.StatusFail, 2},
		{"fails each time", false, []time.Duration{long, long, long}, []func(*T){fails, fails, fails}, result.StatusFail, 3},
		{"fails, then passes", false, []time.Duration{long}, []func(*T){fails, passes}, result.StatusBlocked, 2},
		{"fails, then fails, then passes", false, []time.Duration{long, long}, []func(*T){fails, fails, passes}, result.StatusBlocked, 3},
		{"is blocked, then passes", false, []time.Duration{long}, []func(*T){blocked, passes}, result.StatusPass, 2},
		{"fails, then is blocked", false, []time.Duration{long}, []func(*T){fails, blocked}, result.StatusFail, 2},
		{"fails, and sets no limits", true, []time.Duration{long}, []func(*T){fails}, result.StatusFail, 1},
		{"passes", false, []time.Duration{long}, []func(*T){passes}, result.StatusPass, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, trials := heldUpTrials(t, !c.unlimited, c.held, c.ends...)
				require.Equal(t, c.want, r.Status)
				require.Equal(t, c.trials, trials)
				if c.want == result.StatusBlocked {
					require.Contains(t, r.Reason, "held up the suite for 1.1s")
					require.Contains(t, r.Text(), "for STA-1: expected Start waits, got it gave up", "what was found is not lost")
				}
			})
		})
	}
}

// A turn that has not come yet counts as well: what holds up the suite holds up the case only now.
func TestATurnThatIsStillWaitedForCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heldUp
		go h.watch(t.Context(), func(time.Duration) { wait(t, time.Minute) })
		<-time.After(3 * time.Second)
		sum, matters := h.matters(3*time.Second, 10*time.Second)
		require.Equal(t, 2900*time.Millisecond, sum)
		require.True(t, matters)
	})
}

func TestTurnsThatAreALittleLateDoNotCountHoweverMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heldUp
		go h.watch(t.Context(), func(time.Duration) { wait(t, 190*time.Millisecond) })
		<-time.After(time.Minute)
		sum, _ := h.matters(time.Minute, 10*time.Second)
		require.Zero(t, sum)
	})
}
