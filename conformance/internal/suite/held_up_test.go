package suite

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// heldUpTrials runs a case whose trials take 1.3 s and end as given. In each of them the process does not get to run for as
// long as held says.
func heldUpTrials(t *testing.T, limits bool, held []time.Duration, ends ...func(*T)) (result.Result, int) {
	var trials atomic.Int64
	o := NewOptions(t.Context(), nil)
	o.heldUp = &heldUp{takeATurn: func(time.Duration) {
		if n := int(trials.Load()); n <= len(held) {
			wait(t, held[n-1])
		}
	}}
	r := RunJob(t.Context(), Job{Info: Info{Name: "a", Clauses: []string{"STA-1"}}, Run: func(t *T) {
		n := trials.Add(1)
		if limits {
			t.SetsLimits()
		}
		<-time.After(1300 * time.Millisecond)
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
	const long = 1500 * time.Millisecond
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
		h := heldUp{takeATurn: func(time.Duration) { wait(t, time.Minute) }}
		held, end := h.during()
		<-time.After(3 * time.Second)
		require.Equal(t, 3*time.Second-turnEvery, held())
		later, endLater := h.during()
		end()
		<-time.After(3 * time.Second)
		require.Equal(t, 3*time.Second-turnEvery, held(), "it ended then")
		require.Equal(t, 3*time.Second, later())
		<-time.After(time.Hour)
		require.Greater(t, later(), 50*time.Minute)
		endLater()
	})
}

func TestTurnsThatAreALittleLateDoNotCountHoweverMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := heldUp{takeATurn: func(time.Duration) { wait(t, lateFrom-10*time.Millisecond) }}
		held, end := h.during()
		<-time.After(time.Minute)
		end()
		require.Zero(t, held())
	})
}

func TestCasesOneAfterTheOtherAreMeasuredEachForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late atomic.Int64
		late.Store(int64(time.Second))
		h := heldUp{takeATurn: func(time.Duration) { wait(t, time.Duration(late.Load())) }}
		first, end := h.during()
		<-time.After(turnEvery + 500*time.Millisecond)
		end()
		require.Equal(t, 500*time.Millisecond, first())
		late.Store(0)
		<-time.After(time.Minute)
		second, end := h.during()
		<-time.After(time.Minute)
		end()
		require.Zero(t, second())
		require.Equal(t, 500*time.Millisecond, first())
	})
}

// Of a case that took long, a short time in which it was held up explains nothing.
func TestItMattersHowMuchOfItsTimeACaseWasHeldUp(t *testing.T) {
	trial := &T{held: func() time.Duration { return 1100 * time.Millisecond }}
	trial.SetsLimits()
	_, doubtful := trial.heldTooLong(3*time.Second, 10*time.Second)
	require.True(t, doubtful)
	_, doubtful = trial.heldTooLong(8*time.Second, 10*time.Second)
	require.False(t, doubtful)
	_, doubtful = trial.heldTooLong(3*time.Second, 20*time.Second)
	require.False(t, doubtful)
}
