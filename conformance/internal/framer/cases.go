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

// Test runs every case as a subtest.
func Test(t *testing.T, open Open, opts ...suite.Option) {
	t.Helper()
	o := suite.NewOptions(t.Context(), opts)
	if missing := missing(open, o); missing != "" {
		t.Fatalf("there is no framer to test: %s", missing)
	}
	suite.Test(t, spec.RoleFramer, o, jobs(open, o), nil)
}

// Check runs every case without a testing.T.
func Check(ctx context.Context, open Open, opts ...suite.Option) result.Report {
	o := suite.NewOptions(ctx, opts)
	if missing := missing(open, o); missing != "" {
		rep := suite.Check(ctx, spec.RoleFramer, o, nil, []string{"there is no framer to test: " + missing})
		rep.SetUp = missing
		return rep
	}
	return suite.Check(ctx, spec.RoleFramer, o, jobs(open, o), nil)
}

// missing says why no framer can be had, so that this is told once and not by every case.
func missing(open Open, o *suite.Options) (why string) {
	if open == nil {
		return "the function that makes it is nil"
	}
	for _, framing := range o.Framings {
		if why := missingIn(open, framing); why != "" {
			return why
		}
	}
	return ""
}

func missingIn(open Open, framing spec.Framing) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = fmt.Sprintf("making one for the %s framing panicked: %v", framing, r)
		}
	}()
	if open(stream{sent(), io.Discard}, Options{Framing: framing}) == nil {
		why = fmt.Sprintf("the function that makes it returned nil for the %s framing", framing)
	}
	return why
}

func jobs(open Open, o *suite.Options) []suite.Job {
	run := &shared{make: open}
	var all []suite.Job
	for _, c := range Cases() {
		all = append(all, suite.Jobs(c.Info(), o, func(t *suite.T) { c.Run(&T{T: t, shared: run, clause: c.Clauses[0]}) })...)
	}
	return all
}

type testCase = suite.Case[*T]

func Cases() []testCase {
	return slices.Concat(vectorCases(), readCases(), headerCases(), stickyCases(), memoryCases(), writeCases(), unitCases())
}
