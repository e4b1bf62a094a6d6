package pool

import (
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// holdings returns what the process holds in which the pool of the stage lives or will live. The case ends as unsupported
// if that cannot be seen.
func (s *stage) holdings() proc.Holdings {
	before, _ := s.previous.(guarded)
	if before.remote() == nil {
		return proc.TakeHoldings()
	}
	held, known := proc.HoldingsOf(before.remote().PID())
	if !known {
		s.t.Unsupported("what another process holds cannot be seen on this system")
	}
	return held
}

// everythingIsGivenBack waits until the process of the pool holds nothing that it did not hold then.
func (s *stage) everythingIsGivenBack(clause string, then proc.Holdings) {
	var more []string
	if !s.t.Settle(func() bool { more = s.holdings().Since(then); return len(more) == 0 }) {
		s.t.FailNow(clause, "every connection, goroutine, descriptor and process is given back",
			"after %v there are still:\n%s", s.t.Patience(), strings.Join(more[:min(len(more), 4)], "\n"))
	}
}
