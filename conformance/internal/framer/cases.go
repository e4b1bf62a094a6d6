package framer

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Test runs every case against the framers that open makes, each as a subtest of t.
func Test(t *testing.T, open Open, opts ...suite.Option) {
	t.Helper()
	o := suite.NewOptions(t.Context(), opts)
	if why := missing(open, o); why != "" {
		t.Fatalf("there is no framer to test: %s", why)
	}
	suite.Test(t, spec.RoleFramer, o, jobs(open, o), nil)
}

// Check runs every case against the framers that open makes and returns the report.
func Check(ctx context.Context, open Open, opts ...suite.Option) result.Report {
	o := suite.NewOptions(ctx, opts)
	if why := missing(open, o); why != "" {
		rep := suite.Check(ctx, spec.RoleFramer, o, nil, []string{"there is no framer to test: " + why})
		rep.SetUp = why
		return rep
	}
	return suite.Check(ctx, spec.RoleFramer, o, jobs(open, o), nil)
}

// missing says why open makes no framer, and is empty if it does. It is asked before the run, so that the report says it
// once and not in every case.
func missing(open Open, o *suite.Options) (why string) {
	if open == nil {
		return "the function that makes it is nil"
	}
	for _, framing := range o.Framings {
		if why := missingFor(open, framing); why != "" {
			return why
		}
	}
	return ""
}

// missingFor says why open makes no framer for one framing, and is empty if it does.
func missingFor(open Open, framing spec.Framing) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = fmt.Sprintf("making one for the %s framing panicked: %v", framing, r)
		}
	}()
	if open(stream{sendThenEnd(), io.Discard}, Options{Framing: framing}) == nil {
		why = fmt.Sprintf("the function that makes it returned nil for the %s framing", framing)
	}
	return why
}

// jobs returns the selected cases, ready to run.
func jobs(open Open, o *suite.Options) []suite.Job {
	run := &shared{make: open, heap: liveHeap()}
	var all []suite.Job
	for _, c := range Cases() {
		all = append(all, suite.Jobs(c.Info(), o, func(t *suite.T) { c.Run(&T{T: t, shared: run, clause: c.Clauses[0]}) })...)
	}
	return all
}

// Cases returns all cases, in the order of the files that hold them.
func Cases() []testCase {
	return slices.Concat(vectorCases(), readCases(), headerCases(), stickyCases(), memoryCases(), writeCases(), unitCases(), duplexCases(), payloadCases(), failureCases())
}
