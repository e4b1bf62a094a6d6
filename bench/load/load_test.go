package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// stalling is a server of one call at a time, of which each takes 100 µs, and every 5,000th 100 ms.
func stalling() Call {
	turn := make(chan struct{}, 1)
	served := 0
	return func(context.Context, string, json.RawMessage) error {
		turn <- struct{}{}
		defer func() { <-turn }()
		if served++; served%5000 == 0 {
			time.Sleep(100 * time.Millisecond)
		} else {
			time.Sleep(100 * time.Microsecond)
		}
		return nil
	}
}

// openAsleep is Open with sleep that virtual time knows.
func openAsleep(ctx context.Context, o Options, call Call) (Result, error) {
	return open(ctx, o, call, func(due time.Time) { time.Sleep(time.Until(due)) })
}

// In virtual time, so that it is the same on every machine.
func TestAStallThatAClosedLoopHidesIsSeenAtARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed, err := Closed(t.Context(), Options{For: 3 * time.Second}, 1, stalling())
		require.NoError(t, err)
		require.InDelta(t, 8400, closed.Rate, 200)
		require.Less(t, closed.At(99.9), time.Millisecond)
		require.Greater(t, closed.At(100), 99*time.Millisecond, "the stalls were there")

		open, err := openAsleep(t.Context(), Options{Rate: closed.Rate / 2, For: 3 * time.Second}, stalling())
		require.NoError(t, err)
		require.Greater(t, open.At(99.9), 90*time.Millisecond)
		require.Less(t, open.At(50), time.Millisecond)
		require.InEpsilon(t, closed.Rate/2, open.Offered, 0.05)
	})
}

func TestTheTimeOfACallIsFromTheMomentItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var blocked atomic.Bool
		turn := make(chan struct{}, 1)
		r, err := openAsleep(t.Context(), Options{Rate: 1000, For: time.Second}, func(context.Context, string, json.RawMessage) error {
			turn <- struct{}{}
			defer func() { <-turn }()
			if blocked.CompareAndSwap(false, true) {
				time.Sleep(time.Second)
			}
			return nil
		})
		require.NoError(t, err)
		require.Greater(t, r.At(90), 800*time.Millisecond, "all of them waited for the first")
		require.Less(t, r.At(1), 200*time.Millisecond, "and the last of them only briefly")
	})
}

// What holds up this side holds up the calls that were due meanwhile.
func TestCallsThatAreMadeLateCountFromWhenTheyWereDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := func(due time.Time) { time.Sleep(time.Until(due) + 50*time.Millisecond) }
		r, err := open(t.Context(), Options{Rate: 1000, For: time.Second}, func(context.Context, string, json.RawMessage) error { return nil }, late)
		require.NoError(t, err)
		require.GreaterOrEqual(t, r.At(50), 50*time.Millisecond)
		require.Equal(t, r.Late.ValueAtQuantile(50), r.Times.ValueAtQuantile(50), "the calls themselves took no time")
	})
}

func TestTheSameSeedGivesTheSameCallsAtTheSameMoments(t *testing.T) {
	mix, err := ParseMix("64B:9,10KB,sleep=5ms")
	require.NoError(t, err)
	calls := func(seed uint64) (made []string) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			turn := make(chan struct{}, 1)
			_, err := openAsleep(t.Context(), Options{Rate: 1000, For: 100 * time.Millisecond, Mix: mix, Seed: seed}, func(_ context.Context, method string, body json.RawMessage) error {
				turn <- struct{}{}
				defer func() { <-turn }()
				made = append(made, fmt.Sprint(time.Since(began), method, len(body)))
				return nil
			})
			require.NoError(t, err)
		})
		return made
	}
	require.Equal(t, calls(1), calls(1))
	require.NotEqual(t, calls(1), calls(2))
}

func TestARateThatCannotBeKeptUpIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := openAsleep(t.Context(), Options{Rate: 1000, For: time.Minute, Waiting: 100}, func(ctx context.Context, _ string, _ json.RawMessage) error {
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, ErrTooFast)
		require.ErrorContains(t, err, "100 of them wait")
	})
}

func TestACallThatFailsEndsTheRun(t *testing.T) {
	broken := errors.New("broken")
	fails := func(context.Context, string, json.RawMessage) error { return broken }
	_, err := Open(t.Context(), Options{Rate: 1000, For: time.Hour}, fails)
	require.ErrorIs(t, err, broken)
	_, err = Closed(t.Context(), Options{For: time.Hour}, 4, fails)
	require.ErrorIs(t, err, broken)
}

func TestARunWithoutARateIsAnError(t *testing.T) {
	_, err := Open(t.Context(), Options{For: time.Second}, nil)
	require.ErrorContains(t, err, "must be more than 0")
}

func TestKindsComeByTheirWeights(t *testing.T) {
	mix, err := ParseMix("64B:90, 10KB:9, sleep=5ms")
	require.NoError(t, err)
	require.Equal(t, `{"ms":5}`, string(mix[2].Body))
	require.Len(t, mix[1].Body, 10<<10)
	random := rand.New(rand.NewPCG(1, 1))
	count := map[int]int{}
	for range 100_000 {
		count[len(mix.pick(random).Body)]++
	}
	require.InDelta(t, 90_000, count[64], 1000)
	require.InDelta(t, 9_000, count[10<<10], 500)
	require.InDelta(t, 1_000, count[len(`{"ms":5}`)], 200)
}

func TestWhatIsNoMixOrRateIsRefused(t *testing.T) {
	for text, problem := range map[string]string{
		"": "is no kind of call", "64": "is no kind of call", "1B": "from 2B", "9MB": "to 8MB", "64B:0": "weight", "64B:x": "weight",
		"sleep=5": "sleep takes a time", "sleep=1us": "sleep takes a time", "64B,": "is no kind of call",
	} {
		_, err := ParseMix(text)
		require.ErrorContains(t, err, problem, text)
	}
	for _, text := range []string{"", "0", "-1", "x", "50%%", "NaN", "1,"} {
		_, err := ParseRates(text)
		require.ErrorContains(t, err, "is no rate", text)
	}
	rates, err := ParseRates("2000, 50%")
	require.NoError(t, err)
	require.Equal(t, []Rate{{"2000", 2000, 0}, {"50%", 0, 0.5}}, rates)
}
