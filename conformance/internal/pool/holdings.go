package pool

import (
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// holdings are those of the process where the pool of the stage is, or will be.
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

// everythingIsGivenBack demands that the process of the pool comes to hold nothing that it did not hold then.
func (s *stage) everythingIsGivenBack(clause string, then proc.Holdings) {
	var more []string
	if !s.t.Settle(func() bool { more = s.holdings().Since(then); return len(more) == 0 }) {
		s.t.FailNow(clause, "every connection, goroutine, descriptor and process is given back",
			"after %v there are still:\n%s", s.t.Patience(), strings.Join(more[:min(len(more), 4)], "\n"))
	}
}
