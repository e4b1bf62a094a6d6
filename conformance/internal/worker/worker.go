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
	framings  []spec.Framing
	instances *instances
	peers     int // opened so far
}

// allowForLargePayloads is for cases with large payloads: a checksum over 10 MB takes an interpreter seconds, and slowness
// is no fault.
func (t *T) allowForLargePayloads() { t.Lengthen(3) }

// anyFraming is one that the worker framings: the case's, where it has one.
func (t *T) anyFraming() spec.Framing {
	if t.Framing != "" {
		return t.Framing
	}
	if slices.Contains(t.framings, spec.Enhanced) {
		return spec.Enhanced
	}
	return spec.Basic
}
