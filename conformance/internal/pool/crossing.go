package pool

import (
	"runtime"
	"time"
)

// crossing brings two events together that a case begins and whose effects meet in the pool, whatever the machine and the
// subject take until then: after each round it is told which came first, and moves the second.
type crossing struct {
	offset time.Duration // of the second event after the first; less than 0 if it begins before
	step   time.Duration // by which the offset moved last; its sign is the direction
	inRow  int           // how many steps before the last went the same way
}

const leastStep, mostStep = time.Microsecond, 5 * time.Millisecond

// begin does both, the later one after the offset.
func (c *crossing) begin(first, second func()) {
	earlier, later, apart := first, second, c.offset
	if apart < 0 {
		earlier, later, apart = second, first, -apart
	}
	earlier()
	// A timer may be a millisecond late, which is longer than what is looked for.
	for began := time.Now(); time.Since(began) < apart; {
		runtime.Gosched()
	}
	later()
}

// adjust moves the second event: to a later time if its effect came first, and else to an earlier one. A step is twice as
// long as the one before when three go one way, and half as long when it turns.
func (c *crossing) adjust(secondCameFirst bool) {
	size, later := max(c.step, -c.step), c.step > 0
	switch {
	case c.step == 0:
		size = 16 * leastStep
	case later != secondCameFirst:
		size, c.inRow = max(size/2, leastStep), 0
	default:
		c.inRow++
		if c.inRow >= 2 {
			size = min(2*size, mostStep)
		}
	}
	c.step = size
	if !secondCameFirst {
		c.step = -size
	}
	c.offset += c.step
}
