package pool

import "github.com/pyproctest/pyproctest/conformance/spec"

// laterCallsSucceed makes calls until three have got their own answers. A call may fail while the pool counts a worker as
// unhealthy; the pool must count every worker as healthy again. Afterwards the script holds requests.
func (s *stage) laterCallsSucceed(clause string) {
	s.echoRequests()
	well := func(h spec.Health) bool { return h.Healthy == s.options.Workers }
	for answered := 0; answered < 3; {
		before := s.health(clause)
		c := s.call()
		c.wait(clause)
		if c.err != nil && (!well(before) || !well(s.health(clause))) {
			s.unlessIgnored("HealthInterval", "a worker counts as unhealthy after this until the next check")
			s.healthBecomes(clause, "every worker counts as healthy again, so that later calls get their own answers", well)
			continue
		}
		c.succeeds(clause)
		answered++
	}
	s.holdRequests()
}

// laterCallsSucceedAfterStrays is like laterCallsSucceed, after answers that no call waits for. The pool may close a
// connection because of them, so up to five calls may fail before.
func (s *stage) laterCallsSucceedAfterStrays(clause string) {
	s.echoRequests()
	for range 5 {
		c := s.call()
		c.getsOwnAnswerOrFails(clause)
		if c.err == nil {
			break
		}
	}
	s.laterCallsSucceed(clause)
}
