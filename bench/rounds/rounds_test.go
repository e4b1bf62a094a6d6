package rounds

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/results"
	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/bench/turns"
)

// fake makes rows whose names are told in order as they are measured.
func fake(told *[]string, side string, groups ...string) (all []rows.Row) {
	for _, group := range groups {
		name, _, _ := strings.Cut(group, "!")
		row := rows.Row{Benchmark: "Load", Keys: "side=" + side + "/group=" + group, Placement: rows.Unpinned, Group: name + side}
		all = append(all, row.MeasuredBy(func(context.Context, *rows.Shelf, func() bool) ([]turns.Metric, error) {
			*told = append(*told, side+group)
			switch {
			case strings.HasSuffix(group, "!fails"):
				return nil, errors.New("the reason")
			case strings.HasSuffix(group, "!no"):
				return nil, fmt.Errorf("%w: too fast", rows.ErrNoFigure)
			}
			return []turns.Metric{{Value: 1, Unit: "calls/s"}}, nil
		}))
	}
	return all
}

func planned(t *testing.T, p Plan) (*Plan, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "results.txt")
	w, err := results.Create(file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	p.Out = w
	return &p, file
}

func TestSidesTakeTurnsThatTurnRound(t *testing.T) {
	var told []string
	p, file := planned(t, Plan{Sides: [][]rows.Row{fake(&told, "a", "1", "2"), fake(&told, "b", "1", "2")}, Rounds: 2,
		Config: []benchfmt.Config{{Key: "subject", Value: []byte("mine")}}})
	_, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a1 b1 a2 b2 b1 a1 b2 a2", strings.Join(told, " "))

	set, err := results.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, set.Results, 8)
	require.Equal(t, "mine", set.Results[0].GetConfig("subject"))
	require.Equal(t, rows.Unpinned, set.Results[0].GetConfig("placement"))
}

func TestTheFirstRowsComeFirstAndThenAPause(t *testing.T) {
	var told []string
	p, _ := planned(t, Plan{
		Sides: [][]rows.Row{fake(&told, "a", "1", "2", "3")}, Rounds: 2,
		First: func(r rows.Row) bool { return strings.HasSuffix(r.Keys, "group=2") },
		Pause: func(at Pause) { told = append(told, fmt.Sprint(at.First, at.Round)) },
	})
	_, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a2, true 1, a1, a3, false 1, a1, a2, a3, false 2", strings.Join(told, ", "))
}

func TestARowThatFailsIsToldOnceAndTheOthersGoOn(t *testing.T) {
	var told []string
	p, file := planned(t, Plan{Sides: [][]rows.Row{fake(&told, "a", "1!fails", "2!no", "3")}, Rounds: 3})
	none, err := p.Run(t.Context())
	require.ErrorContains(t, err, "the reason")
	require.Equal(t, 1, strings.Count(err.Error(), "the reason"))
	require.Len(t, none, 1)
	require.Contains(t, none["Load/side=a/group=2!no (unpinned)"], "no figure: too fast")
	require.Equal(t, "a1!fails a2!no a3 a3 a3", strings.Join(told, " "))
	set, err := results.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, set.Results, 3)
}

func TestAnInterruptKeepsWhatWasMeasured(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the person wants it to end")
	var told []string
	p, file := planned(t, Plan{Sides: [][]rows.Row{fake(&told, "a", "1", "2")}, Rounds: 3, Progress: func(at Progress) {
		if at.Done == 3 {
			cancel(stop)
		}
	}})
	_, err := p.Run(ctx)
	require.ErrorIs(t, err, stop)
	set, err := results.ReadFile(file)
	require.NoError(t, err)
	require.Len(t, set.Results, 4, "the row that had begun is the last one")
}

// Each row takes 10 s of the clock of this test, and its calls of more none.
func TestARoundThatWouldNotEndInTimeDoesNotBegin(t *testing.T) {
	var told []string
	now := time.Now()
	var left []time.Duration
	p, _ := planned(t, Plan{Sides: [][]rows.Row{fake(&told, "a", "1", "2")}, Rounds: 10, Each: 5 * time.Second, Within: 75 * time.Second})
	p.now = func() time.Time { return now }
	p.Progress = func(at Progress) {
		left = append(left, at.Left)
		now = now.Add(10 * time.Second) // what was measured before this row
	}
	_, err := p.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, told, 6, "three rounds of 20 s; a fourth would end after 80 s")
	require.Equal(t, 3, p.Ended)
	require.LessOrEqual(t, left[0], 75*time.Second)
	require.Less(t, left[len(left)-1], left[0])
}
