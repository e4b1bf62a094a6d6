package suite

import (
	"iter"
	"time"
)

// Rounds yields 0 to n-1, for a case that does the same thing many times because one time shows it seldom. On a machine
// so slow that half of the case's time is over it ends early, and a note says so: fewer rounds see less, and a case that
// was not done says nothing at all.
func (t *T) Rounds(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		deadline, limited := t.ctx.Deadline()
		half := t.began.Add(deadline.Sub(t.began) / 2)
		for round := range n {
			if limited && time.Now().After(half) {
				t.Note("case", "this machine is slow: %d of %d rounds are done, and half of the case's time is over", round, n)
				return
			}
			if !yield(round) {
				return
			}
		}
	}
}
