package report_test

import (
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// junit is the XML as another program reads it.
type junit struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class      string          `xml:"classname,attr"`
	Name       string          `xml:"name,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Failure    *junitOutcome   `xml:"failure"`
	Error      *junitOutcome   `xml:"error"`
	Skipped    *junitOutcome   `xml:"skipped"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func readJUnit(t *testing.T, runs ...report.Run) junit {
	t.Helper()
	var j junit
	require.NoError(t, xml.Unmarshal(written(t, report.JUnit, runs...), &j))
	failures, errors, skipped, tests := 0, 0, 0, 0
	for _, s := range j.Suites {
		require.Len(t, s.Cases, s.Tests)
		for _, c := range s.Cases {
			tests++
			failures += present(c.Failure)
			errors += present(c.Error)
			skipped += present(c.Skipped)
		}
	}
	require.Equal(t, []int{tests, failures, errors, skipped}, []int{j.Tests, j.Failures, j.Errors, j.Skipped}, "the counts are those of the cases")
	return j
}

func present(o *junitOutcome) int {
	if o == nil {
		return 0
	}
	return 1
}

func (j junit) find(t *testing.T, class, name string) junitCase {
	t.Helper()
	for _, s := range j.Suites {
		for _, c := range s.Cases {
			if c.Class == class && c.Name == name {
				return c
			}
		}
	}
	require.Fail(t, "no such test case", "%s %s", class, name)
	return junitCase{}
}

func TestJUnitTellsFailuresErrorsAndSkippedApart(t *testing.T) {
	j := readJUnit(t, failing(t))
	require.Equal(t, []int{len(green().Results), 2, 2, 1}, []int{j.Tests, j.Failures, j.Errors, j.Skipped})
	require.Equal(t, "worker sample", j.Suites[0].Name)
	require.Equal(t, "2026-11-22T13:00:00", j.Suites[0].Timestamp)
	require.Equal(t, "9.120", j.Time)

	c := j.find(t, "worker.MSG-6", "absent-body-is-null/basic")
	require.Equal(t, "MSG-6: expected the echo of a request without a body is null; got the value is {} and should be null", c.Failure.Message)
	require.Contains(t, c.Failure.Text, "MSG-6 (MUST) An absent `body` is null.")
	require.Contains(t, c.Failure.Text, "length: payload of 5")
	require.Contains(t, c.Failure.Text, "pyproctest run --worker 'python3 worker.py' --clause MSG-6/absent-body-is-null/basic")
	require.Equal(t, []junitProperty{{"requirement", "MSG-6"}}, c.Properties)
	require.Equal(t, "0.003", c.Time)

	require.Equal(t, "blocked", j.find(t, "worker.WRK-8", "half-sent-frame-blocks-no-other-connection/basic").Error.Type)
	require.Equal(t, "not supported", j.find(t, "worker.WRK-6", "socket-file-has-mode-0600").Error.Type)
	require.Contains(t, j.find(t, "worker.WRK-19", "orphan-ends").Skipped.Text, "it runs still")
}

func TestJUnitShowsKnownFailuresAsSkippedAndWrongLinesAsFailures(t *testing.T) {
	j := readJUnit(t, excusing(t, failing(t), allExcused+"WRK-9 # gone"))
	require.Equal(t, []int{1, 0, 5}, counts(j))
	require.Contains(t, j.find(t, "worker.MSG-6", "absent-body-is-null/basic").Skipped.Message, "known failing: see issue 7. MSG-6: expected")
	require.Contains(t, j.find(t, "worker.known-failing", "line 6 WRK-9").Failure.Message, "known.txt:6: WRK-9 does not fail any more")
}

func TestJUnitOfAStrictRunShowsAShouldAsAFailure(t *testing.T) {
	run := failing(t)
	set(t, &run, "CAN-8/handlers-of-a-caller-that-went-away-are-cancelled/basic", func(r *result.Result) {
		r.Status = result.StatusBlocked
	})
	require.Equal(t, []int{2, 2, 2}, counts(readJUnit(t, run)))
	run.Strict = true
	require.Equal(t, []int{3, 3, 0}, counts(readJUnit(t, run)))
}

func counts(j junit) []int { return []int{j.Failures, j.Errors, j.Skipped} }

func TestJUnitShowsWhatDidNotRunAsErrors(t *testing.T) {
	run := green()
	run.Results = nil
	run.SetUp = "no such file"
	j := readJUnit(t, run)
	require.Contains(t, j.find(t, "worker.run", "set-up").Error.Message, "no such file")
	require.Equal(t, 1, j.Tests, "that one thing is told once")

	run = green()
	run.Results, run.Interrupted = run.Results[:9], true
	j = readJUnit(t, run)
	require.NotNil(t, j.find(t, "worker.run", "interrupted").Error)
	require.Equal(t, 1, j.Errors)

	run.Interrupted = false
	require.Contains(t, readJUnit(t, run).find(t, "worker.MSG-6", "not-run").Error.Text, "An absent `body` is null.")
}

func TestJUnitIsGreenExactlyWhereTheRunSucceeds(t *testing.T) {
	ends := map[bool]int{}
	for seed := range uint64(100) {
		run := random(t, seed)
		j := readJUnit(t, run)
		isGreen := j.Failures+j.Errors == 0
		ends[isGreen]++
		require.Equal(t, report.ExitStatus(run) == 0, isGreen, "seed %d: %s", seed, run.Verdict())
	}
	require.Greater(t, min(ends[true], ends[false]), 15, "of both there are many")
}

func TestJUnitHasASuiteForEachRun(t *testing.T) {
	j := readJUnit(t, green(), poolOf("p"), failing(t))
	require.Len(t, j.Suites, 3)
	require.Equal(t, 2, j.Failures)
	require.Equal(t, 2*len(green().Results)+1, j.Tests)
	require.Equal(t, spec.RolePool, spec.Role(j.Suites[1].Name[:4]))
}
