package pool

import (
	"fmt"
	"reflect"
	"slices"
)

// Limited is a pool that does not obey every option.
type Limited interface {
	Pool
	// IgnoredOptions returns the names of the fields of Options that the pool ignores.
	IgnoredOptions() []string
	// FixedMaxPayload returns the limit for a payload in bytes if it cannot be set, or 0.
	FixedMaxPayload() int
}

// mayBeIgnored are the options that a pool need not obey. A case that sets one of them asks for it, unless it only
// prefers it.
var mayBeIgnored = []string{"StartTimeout", "HealthInterval", "HealthTimeout", "RestartBackoff", "RestartBackoffMax", "StopTimeout"}

// prefer says that the case runs better with these options and can do without.
func (s *stage) prefer(options ...string) { s.preferred = append(s.preferred, options...) }

// checkOften sets a short time between health checks, for a pool that gives a worker no calls until a check has shown
// that the worker goes on after its connection broke.
func (s *stage) checkOften() {
	s.options.HealthInterval = brokenInterval
	s.prefer("HealthInterval")
}

// respectLimits ends the case if the pool ignores an option that the case asks for, and takes over its limit for a payload.
func (s *stage) respectLimits(p Pool) {
	l, ok := p.(Limited)
	if !ok {
		return
	}
	if limit := l.FixedMaxPayload(); limit > 0 {
		s.options.MaxPayload = limit
		if limit < s.leastPayload {
			s.t.Unsupported("the pool has a fixed limit of %d bytes for a payload, and this case sends more", limit)
		}
	}
	for _, name := range l.IgnoredOptions() {
		switch {
		case !slices.Contains(mayBeIgnored, name):
			s.t.Blocked("the pool says that it ignores the option %q, which is not one of those that may be ignored: %v", name, mayBeIgnored)
		case s.asksFor(name):
			s.t.Unsupported("the pool ignores PoolOptions.%s, which this case sets", name)
		}
		s.ignored = append(s.ignored, name)
	}
}

// asksFor reports whether the case has set the option and needs it.
func (s *stage) asksFor(name string) bool {
	option := func(o Options) any { return reflect.ValueOf(o).FieldByName(name).Interface() }
	return option(s.options) != option(s.usual) && !slices.Contains(s.preferred, name)
}

// unlessIgnored ends the case if the pool ignores the option, because what the case has seen may then be right.
func (s *stage) unlessIgnored(name, saw string) {
	if slices.Contains(s.ignored, name) {
		s.t.Unsupported("%s", fmt.Sprintf("%s, and the pool ignores PoolOptions.%s", saw, name))
	}
}
