package explore

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// recorded is a subject whose features follow from the history alone. It keeps what was played.
type recorded struct{ played []string }

func (*recorded) Role() spec.Role                            { return spec.RoleFramer }
func (*recorded) Name() string                               { return "recorded" }
func (s *recorded) Open(context.Context) (Session, error)    { return s, nil }
func (*recorded) Plain() []History                           { return []History{{Steps: []Step{{Do: "plain"}}}} }
func (*recorded) Simpler(History) iter.Seq[History]          { return func(func(History) bool) {} }
func (*recorded) Describe(s Step) string                     { return s.Do }
func (*recorded) Bytes(History, Step) ([]byte, spec.Framing) { return nil, "" }
func (*recorded) Close()                                     {}
func (s *recorded) Play(_ context.Context, h History, _ Waiting) (o Outcome) {
	s.played = append(s.played, fmt.Sprint(h.Steps))
	for _, step := range h.Steps {
		o.Features = append(o.Features, fmt.Sprintf("%s %d", step.Do, len(h.Steps)%7))
	}
	return o
}

func (*recorded) Generate(r *rand.Rand) (h History) {
	for range 1 + r.IntN(9) {
		h.Steps = append(h.Steps, Step{Do: fmt.Sprint("step ", r.IntN(20))})
	}
	return h
}

// One seed gives the same histories, varied ones too, where what the subject shows is the same; another seed gives others.
func TestASeedGivesTheSameRun(t *testing.T) {
	run := func(seed uint64) []string {
		s := &recorded{}
		_, err := Explore(t.Context(), s, Config{Seed: seed, Histories: 500, Patience: time.Second})
		require.NoError(t, err)
		require.Len(t, s.played, 500)
		return s.played
	}
	first := run(7)
	require.Equal(t, first, run(7))
	require.NotEqual(t, first, run(8))
}
