package worker

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// T is a case's view of the worker under test.
type T struct {
	*suite.T
	command   Command
	framings  []spec.Framing // those that the worker speaks and the run asks for
	instances *instances
	peers     int // opened so far
	// oneAtATime is set for a worker that serves one connection at a time. Cases of other clauses than [WRK-7] and [WRK-8]
	// then use connections one after the other where that can tell.
	oneAtATime bool
}

// testCase is a case for workers.
type testCase = suite.Case[*T]

// run is one run of the cases against one worker.
type run struct {
	command   Command
	instances instances
}

func (r *run) newT(t *suite.T, pre preflightResult) *T {
	t.SetsLimits()
	return &T{T: t, command: r.command, framings: pre.framings, oneAtATime: pre.oneAtATime, instances: &r.instances}
}

// allowForLargePayloads triples the patience of the case: an interpreter takes seconds for the checksum of 10 MB, and no
// clause says how fast a worker must be.
func (t *T) allowForLargePayloads() { t.Lengthen(3) }

// anyFraming returns the framing of the case, or, where the case has none, one that the worker speaks.
func (t *T) anyFraming() spec.Framing {
	if t.Framing != "" {
		return t.Framing
	}
	if slices.Contains(t.framings, spec.Enhanced) {
		return spec.Enhanced
	}
	return spec.Basic
}
