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
	speaks    []spec.Framing
	instances *instances
	peers     int // opened so far
}

// takeTime is for cases with large payloads: a checksum over 10 MB takes an interpreter seconds, and slowness
// is no fault.
func (t *T) takeTime() { t.Lengthen(3) }

// anyFraming is one that the worker speaks: the case's, where it has one.
func (t *T) anyFraming() spec.Framing {
	if t.Framing != "" {
		return t.Framing
	}
	if slices.Contains(t.speaks, spec.Enhanced) {
		return spec.Enhanced
	}
	return spec.Basic
}
