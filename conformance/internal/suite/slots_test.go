package suite

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// beginEndless takes slots for cases that do not end, until none comes for a minute or there are 100, and returns after what time
// each began.
func beginEndless(t *testing.T, s *slots) (after []time.Duration) {
	t.Helper()
	began := time.Now()
	for len(after) < 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		end := s.take(ctx)
		cancel()
		if end == nil {
			return after
		}
		after = append(after, time.Since(began))
	}
	return after
}

func slotsOf(parallel, most int, idle bool) *slots {
	return &slots{parallel: parallel, most: most, long: 3 * time.Second, longer: 12 * time.Second, idle: func() bool { return idle }, ended: make(chan struct{}, 1)}
}

func TestCasesThatGoOnWhileTheProcessorsAreIdleGiveTheirSlotsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := beginEndless(t, slotsOf(2, 5, true))
		require.Len(t, after, 5)
		require.Zero(t, after[1])
		for i, want := range []time.Duration{3 * time.Second, 3 * time.Second, 6 * time.Second} {
			require.InDelta(t, want, after[2+i], float64(2*lookEvery))
		}
	})
}

// Most cases take no time at all, and would otherwise begin one at a look.
func TestASlotThatWasGivenAwayIsNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slotsOf(1, 3, true)
		require.NotNil(t, s.take(t.Context()))
		end := s.take(t.Context())
		s.idle = func() bool { return false }
		began := time.Now()
		for range 50 {
			end()
			end = s.take(t.Context())
		}
		require.Zero(t, time.Since(began))
	})
}

func TestWhileTheProcessorsWorkCasesKeepTheirSlotsForLongerAndFewerRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := beginEndless(t, slotsOf(2, 50, false))
		require.Len(t, after, 2*mostPerSlotAtWork)
		require.Zero(t, after[1])
		require.InDelta(t, 12*time.Second, after[2], float64(2*lookEvery))
	})
}

// The suite's figures: those of the waits that the second trial of a case has, too. A case of a right subject is over sooner.
func TestASlotIsGivenAwayAfterAFortiethOfThePatienceAndATenthAtWork(t *testing.T) {
	s := newSlots(&Options{Patience: 10 * time.Second})
	require.Equal(t, []time.Duration{250 * time.Millisecond, time.Second}, []time.Duration{s.long, s.longer})
}

func TestASlotIsFreeAgainWhenItsCaseHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slotsOf(2, 2, false)
		first, second := s.take(t.Context()), s.take(t.Context())
		time.AfterFunc(time.Second, first)
		time.AfterFunc(2*time.Second, second)
		began := time.Now()
		require.NotNil(t, s.take(t.Context()))
		require.Equal(t, time.Second, time.Since(began))
		require.NotNil(t, s.take(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestTheNumberThatTheUserSetIsKept(t *testing.T) {
	s := newSlots(&Options{Parallel: 1, Patience: time.Second})
	require.Equal(t, []int{1, 1}, []int{s.parallel, s.most})
	require.False(t, s.idle())
	s = newSlots(&Options{Patience: time.Second})
	require.LessOrEqual(t, s.most, MostAtOnce())
	require.Less(t, s.parallel, s.most)
}

func TestAsManyCasesRunAtOnceAsThereIsMemoryFor(t *testing.T) {
	parallel := casesPerProcessor * runtime.GOMAXPROCS(0)
	require.Equal(t, mostPerSlot*parallel, mostFor(1<<40))
	require.Equal(t, 3*parallel, mostFor(3*int64(parallel)*memoryOfACase))
	require.Equal(t, mostPerSlotAtWork*parallel, mostFor(0), "nothing is known")
}

// A case that waits in vain with a subject that has served others is tried with one of its own before that is certain.
func TestBothTrialsOfAFailingCaseOverlap(t *testing.T) {
	for _, c := range []struct {
		idle time.Duration // when the processors are
		late time.Duration
	}{{defaultPatience, defaultPatience / 3}, {0, defaultPatience / 10}, {defaultPatience/10 + lookEvery, defaultPatience/10 + lookEvery}} {
		synctest.Test(t, func(t *testing.T) {
			o := NewOptions(t.Context(), nil)
			began := time.Now()
			o.idleMeter = func() func() bool { return func() bool { return time.Since(began) >= c.idle } }
			wait := func(t *T) {
				t.SharesSubject()
				<-time.After(o.Patience)
				t.Fail("FRM-7", "an answer", "none")
			}
			r := RunJob(t.Context(), Job{Info: Info{Name: "a", Clauses: []string{"FRM-7"}}, Run: wait}, o)
			require.Equal(t, result.StatusFail, r.Status)
			require.Equal(t, o.Patience+c.late, time.Since(began))
			require.Equal(t, time.Since(began), r.Elapsed)
		})
	}
}

func TestASlowCaseThatPassesIsNotHeldUpByItsSecondTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := NewOptions(t.Context(), nil)
		began := time.Now()
		r := RunJob(t.Context(), Job{Info: Info{Name: "a", Clauses: []string{"FRM-7"}}, Run: func(t *T) {
			if t.Alone {
				<-t.Context().Done()
				return
			}
			t.SharesSubject()
			<-time.After(o.Patience / 2)
		}}, o)
		require.Equal(t, result.StatusPass, r.Status)
		require.Equal(t, o.Patience/2, time.Since(began))
	})
}

func TestADeafSubjectIsWaitedForInAllCasesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := NewOptions(t.Context(), nil)
		var all []Job
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			all = append(all, Job{Info: Info{Name: name, Clauses: []string{"FRM-7"}}, Run: func(*T) { <-time.After(o.Patience) }})
		}
		began := time.Now()
		s := slotsOf(2, 100, true)
		rep := checkIn(t.Context(), spec.RoleFramer, o, all, nil, s)
		require.Len(t, rep.Results, len(all))
		require.Less(t, time.Since(began), 2*o.Patience)
	})
}

func TestCasesThatWaitLongInVainBeginBeforeOthersAndThoseThatComputeBehindThem(t *testing.T) {
	o := NewOptions(t.Context(), nil)
	o.Parallel = 1
	var order []string
	var all []Job
	for _, i := range []Info{
		{Name: "a", Clauses: []string{"WRK-7"}}, {Name: "b", Clauses: []string{"WRK-19"}, Early: true},
		{Name: "c", Clauses: []string{"WRK-1"}}, {Name: "d", Clauses: []string{"MSG-1"}, Late: true},
	} {
		all = append(all, Job{Info: i, Run: func(*T) { order = append(order, i.Name) }})
	}
	Check(t.Context(), spec.RoleWorker, o, all, nil)
	require.Equal(t, []string{"b", "c", "a", "d"}, order)
}
