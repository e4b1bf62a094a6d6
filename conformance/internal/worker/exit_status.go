package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// exitStatus is the status that a process ends with if it runs a handler that it must not run: that of a request for `exit`.
// Each is used for one thing only, so that the status says what ran.
type exitStatus int

const (
	ranStatus    exitStatus = 71 // the handler of a damaged frame ran
	readOnStatus exitStatus = 72 // the handler of a good frame behind a damaged one ran
)

// body is that of a request for `exit` with the status.
func (s exitStatus) body() string { return fmt.Sprintf(`{"code":%d}`, s) }

// exitFrame is a right frame with a request for `exit`.
func exitFrame(f spec.Framing, s exitStatus) []byte {
	return wire.Encode(f, 4, wire.Request(4, "exit", s.body()))
}

// mustSurvive waits for an answer on another connection than the one on which something wrong was sent. If the process has
// ended instead, its exit status says which clause that breaks: clause, if the handler of what was wrong ran.
func (p *process) mustSurvive(clause string, other *peer, id uint64, what string) wire.Answer {
	r, ok := other.wait(p.t.Patience(), other.hasID(id))
	if ok {
		other.mustBeAnswer("WRK-16", r)
		return r.answer
	}
	limit := p.t.Patience() / 4
	if other.whyEnded() != nil {
		limit = p.t.Patience() // a process that ends closes its connections first, and on a busy machine counts as ended much later
	}
	p.mustNotHaveRun(clause, limit, what)
	other.noAnswer("WRK-16", "the call of another connection is answered after "+what)
	return wire.Answer{}
}

// mustNotHaveRun fails if the process ends within the limit with a status that says which handler ran that must not.
func (p *process) mustNotHaveRun(clause string, limit time.Duration, what string) {
	const got = "its handler ran: the method was `exit`, and the process ended with the status %d that it asked for"
	switch status, _ := p.awaitExit(limit); status {
	case int(ranStatus):
		p.t.FailNow(clause, "no handler runs for "+what, got, status)
	case int(readOnStatus):
		p.t.FailNow("WRK-15", "nothing is read any more after "+what, "a good frame behind it was read and "+got, status)
	}
}
