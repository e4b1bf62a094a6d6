package explore

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"
)

// shrinker makes a history that fails shorter, then simpler, for as long as it still breaks the same rule.
//
// Steps are dropped from the back and in large pieces first, since what follows the cause is most of a history. It keeps to
// the rule and not to the clause: where several things may explain a failure, what is left explains it.
type shrinker struct {
	play    func(context.Context, History) *Failure
	simpler func(History) iter.Seq[History] // histories with one simpler value
	rule    string
	rate    float64 // how often the history fails, from 0 to 1

	attempts int // runs that are left
	made     int // runs so far
	until    time.Time

	best    History
	failure Failure
}

// mostAttempts and longestShrink bound what one failure may cost.
const (
	mostAttempts  = 400
	longestShrink = 30 * time.Second
)

// runs is how often a candidate is played before it is taken for one that does not fail: a history that fails at the known
// rate fails at least once with a probability of 95 %.
func (s *shrinker) runs() int {
	if s.rate >= 1 {
		return 1
	}
	return min(30, max(1, int(math.Ceil(math.Log(0.05)/math.Log(1-s.rate)))))
}

// spent reports whether the budget is used up.
func (s *shrinker) spent(ctx context.Context) bool {
	return s.made >= s.attempts || time.Now().After(s.until) || ctx.Err() != nil
}

// shrink returns the shortest history that it found, and whether it came to an end before its budget did.
func (s *shrinker) shrink(ctx context.Context, h History, f Failure) (minimal bool) {
	s.best, s.failure = h, f
	s.cutBehind(ctx)
	for changed := true; changed && !s.spent(ctx); {
		changed = s.dropThings(ctx)
		changed = s.dropChunks(ctx) || changed
		if len(s.best.Steps) <= 12 {
			changed = s.dropPairs(ctx) || changed
		}
		changed = s.simplify(ctx) || changed
	}
	return !s.spent(ctx)
}

// tries plays a candidate, and keeps it if it fails the same rule.
func (s *shrinker) tries(ctx context.Context, steps []Step) bool {
	return s.triesHistory(ctx, s.best.With(steps))
}

func (s *shrinker) triesHistory(ctx context.Context, candidate History) bool {
	for range s.runs() {
		if s.spent(ctx) {
			return false
		}
		s.made++
		if f := s.play(ctx, candidate); f != nil && f.Rule == s.rule {
			s.best, s.failure = candidate, *f
			return true
		}
	}
	return false
}

// cutBehind drops the steps behind the one after which the failure was seen.
func (s *shrinker) cutBehind(ctx context.Context) {
	if at := s.failure.Step + 1; at > 0 && at < len(s.best.Steps) {
		s.tries(ctx, s.best.Steps[:at])
	}
}

// dropThings drops connections, calls, workers and lanes with all their steps.
func (s *shrinker) dropThings(ctx context.Context) (changed bool) {
	of := func(step Step) []string {
		var names []string
		for _, name := range []string{step.Conn, step.Call, step.Lane} {
			if name != "" {
				names = append(names, name)
			}
		}
		return names
	}
	var all []string
	for _, step := range s.best.Steps {
		for _, name := range of(step) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if len(all) < 2 {
		return false
	}
	for _, name := range slices.Backward(all) {
		without := slices.DeleteFunc(slices.Clone(s.best.Steps), func(step Step) bool { return slices.Contains(of(step), name) })
		if len(without) < len(s.best.Steps) && s.tries(ctx, without) {
			changed = true
		}
	}
	return changed
}

// dropChunks drops steps, from the back, in pieces of half of them, then of a quarter, down to single ones.
func (s *shrinker) dropChunks(ctx context.Context) (changed bool) {
	for size := max(1, len(s.best.Steps)/2); ; size /= 2 {
		for end := len(s.best.Steps); end > 0; end -= size {
			end = min(end, len(s.best.Steps))
			if end == 0 {
				break
			}
			from := max(0, end-size)
			if len(s.best.Steps) > 1 && s.tries(ctx, slices.Delete(slices.Clone(s.best.Steps), from, end)) {
				changed = true
			}
		}
		if size <= 1 {
			return changed
		}
	}
}

// dropPairs drops two steps at once, for a step and the only one that needs it.
func (s *shrinker) dropPairs(ctx context.Context) (changed bool) {
	for j := len(s.best.Steps) - 1; j > 0; j-- {
		for i := j - 1; i >= 0 && j < len(s.best.Steps); i-- {
			without := slices.Delete(slices.Clone(s.best.Steps), j, j+1)
			without = slices.Delete(without, i, i+1)
			if len(without) > 0 && s.tries(ctx, without) {
				changed = true
			}
		}
	}
	return changed
}

// simplify replaces values by simpler ones.
func (s *shrinker) simplify(ctx context.Context) (changed bool) {
	for again := true; again && !s.spent(ctx); {
		again = false
		for candidate := range s.simpler(s.best) {
			if s.triesHistory(ctx, candidate) {
				again, changed = true, true
				break
			}
			if s.spent(ctx) {
				break
			}
		}
	}
	return changed
}
