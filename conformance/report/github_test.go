package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func annotations(t *testing.T, runs ...report.Run) []string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Annotations(&b, runs...))
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func TestEachClauseThatDoesNotHoldIsAnnotated(t *testing.T) {
	run := failing(t)
	run.File = "src/worker, new.py"
	got := annotations(t, run)
	require.Len(t, got, 5)
	for i, begins := range []string{
		"::error file=src/worker%2C new.py,line=1,title=MSG-6 violated%3A worker sample::MSG-6/absent-body-is-null/basic%0A(MUST) An absent `body` is null.%0AMSG-6: expected the echo",
		"::error file=src/worker%2C new.py,line=1,title=RID-8 violated%3A worker sample::MSG-5/ids-of-64-bits-come-back/enhanced%0A",
	} {
		require.True(t, strings.HasPrefix(got[i], begins), "%s\nis not\n%s", got[i], begins)
	}
	warnings := 0
	for _, line := range got {
		if strings.HasPrefix(line, "::warning ") {
			warnings++
			require.Contains(t, line, "WRK-19")
		}
	}
	require.Equal(t, 1, warnings, "a SHOULD fails nothing")
	for _, line := range annotations(t, strict(run)) {
		require.True(t, strings.HasPrefix(line, "::error "), line)
	}
	require.Equal(t, []string{""}, annotations(t, green()))
	require.NotContains(t, strings.Join(annotations(t, excusing(t, failing(t), allExcused)), "\n"), "::error")
	require.Contains(t, strings.Join(annotations(t, excusing(t, failing(t), allExcused+"WRK-9 # x")), "\n"), "::error file=known.txt,line=1,title=known-failing list::")
	require.Contains(t, annotations(t, report.Run{Report: result.Report{Role: spec.RoleFramer, Subject: "f", SetUp: "no such program"}})[0], "could not be run::no such program")
}

func TestMoreAnnotationsThanGitHubShowsAreCounted(t *testing.T) {
	run := green()
	for i := range run.Results {
		fail(&run.Results[i])
	}
	got := annotations(t, run)
	errors := 0
	for _, line := range got {
		if strings.HasPrefix(line, "::error ") {
			errors++
		}
	}
	require.Equal(t, 10, errors)
	require.Regexp(t, `^::error title=And \d\d more::`, got[9])
}

func TestHostileTextIsNoCommandOfItsOwn(t *testing.T) {
	for what, poison := range hostile {
		run := poisoned(poison + "\n::set-output name=x::y\n::error::z")
		run.Role = spec.RoleWorker
		for _, line := range annotations(t, run) {
			require.Regexp(t, `^::(error|warning) (file=[^:,]*,line=1,)?title=[^:,]*::`, line, what)
			require.NotContains(t, line, "\r", what)
		}
		var b bytes.Buffer
		require.NoError(t, report.Outputs(&b, run))
		require.Equal(t, 10, strings.Count(b.String(), "\n"), "%s: %s", what, b.String())
	}
}

func TestOutputsTellTheVerdictAndTheCounts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Outputs(&b, green(), failing(t)))
	require.Equal(t, fmt.Sprintf("verdict=violated\nmust-hold=%d\nmust-violated=2\nmust-known-failing=0\nmust-unknown=3\nshould-hold=%d\nshould-violated=1\ncases=%d\nfailed=5\nflaky=0\n",
		2*musts-5, 2*shoulds-1, 2*len(green().Results)), b.String())
}

func TestJUnitNamesTheFileOfTheImplementation(t *testing.T) {
	run := failing(t)
	require.NotContains(t, string(written(t, report.JUnit, run)), " file=")
	run.File = "src/worker.py"
	j := string(written(t, report.JUnit, run))
	require.Equal(t, strings.Count(j, "<testcase "), strings.Count(j, ` file="src/worker.py" `))
	back, err := report.Read(bytes.NewReader(written(t, report.JSON, run)))
	require.NoError(t, err)
	require.Equal(t, run.File, back[0].File)
}
