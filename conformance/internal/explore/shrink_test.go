package explore

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aHistory has 40 steps on three connections. The planted bug needs three of them: a cancellation on c2, a later request on c2
// under the same ID, and between them one on another connection.
func aHistory(r *rand.Rand) History {
	h := History{}
	for i := range 40 {
		h.Steps = append(h.Steps, Step{Do: "request", Conn: fmt.Sprintf("c%d", 1+r.IntN(3)), ID: fmt.Sprint(1000 + i)})
	}
	h.Steps[11] = Step{Do: "cancel", Conn: "c2", ID: "77", Text: "gone"}
	h.Steps[17].Conn = "c1"
	h.Steps[29] = Step{Do: "request", Conn: "c2", ID: "77"}
	return h
}

// fails reports at which step the planted bug shows, -1 for never.
func fails(h History) int {
	cancelled, between := false, false
	for i, s := range h.Steps {
		switch {
		case s.Do == "cancel" && s.Conn == "c2":
			cancelled = true
		case cancelled && s.Conn != "c2":
			between = true
		case cancelled && between && s.ID == "77":
			return i
		}
	}
	return -1
}

func shorterTexts(h History) iter.Seq[History] {
	return func(yield func(History) bool) {
		for i, s := range h.Steps {
			if s.Text != "" {
				c := h.Clone()
				c.Steps[i].Text = ""
				if !yield(c) {
					return
				}
			}
		}
	}
}

func shrunk(t *testing.T, oneIn int, seed uint64) *shrinker {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	h := aHistory(r)
	s := &shrinker{rule: "planted", rate: 1 / float64(oneIn), attempts: 5000, until: time.Now().Add(time.Minute), simpler: shorterTexts}
	s.play = func(_ context.Context, h History) *Failure {
		if at := fails(h); at >= 0 && r.IntN(oneIn) == 0 {
			return &Failure{Rule: "planted", Step: at}
		}
		return nil
	}
	s.shrink(t.Context(), h, Failure{Rule: "planted", Step: fails(h)})
	return s
}

func TestShrinkingFindsTheThreeStepsThatAFailureNeeds(t *testing.T) {
	for seed := range uint64(10) {
		s := shrunk(t, 1, seed)
		require.Len(t, s.best.Steps, 3, seed)
		require.Empty(t, s.best.Steps[0].Text, "values are simpler too")
		require.Less(t, s.made, 200)
	}
}

func TestShrinkingCopesWithAFailureThatDoesNotAlwaysCome(t *testing.T) {
	long := 0
	for seed := range uint64(10) {
		if s := shrunk(t, 3, seed); len(s.best.Steps) > 3 {
			long++
		}
	}
	require.LessOrEqual(t, long, 3, "of 10 histories")
}

func TestShrinkingKeepsToItsRule(t *testing.T) {
	h := aHistory(rand.New(rand.NewPCG(1, 1)))
	s := &shrinker{rule: "planted", rate: 1, attempts: 500, until: time.Now().Add(time.Minute), simpler: shorterTexts}
	s.play = func(_ context.Context, h History) *Failure {
		if fails(h) >= 0 {
			return &Failure{Rule: "planted", Step: len(h.Steps) - 1}
		}
		return &Failure{Rule: "another"} // which every shorter history breaks
	}
	s.shrink(t.Context(), h, Failure{Rule: "planted", Step: 39})
	require.GreaterOrEqual(t, fails(s.best), 0)
}

func TestShrinkingEndsWithItsBudget(t *testing.T) {
	h := aHistory(rand.New(rand.NewPCG(1, 1)))
	s := &shrinker{rule: "planted", rate: 1, attempts: 5, until: time.Now().Add(time.Minute), simpler: shorterTexts}
	s.play = func(context.Context, History) *Failure { return nil }
	require.False(t, s.shrink(t.Context(), h, Failure{Rule: "planted", Step: 39}), "it does not call what is left minimal")
	require.Equal(t, 5, s.made)
}
