package report_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// parts divides a whole run as --shard does.
func parts(t *testing.T, whole report.Run, n int) (all []report.Run) {
	t.Helper()
	for shard := 1; shard <= n; shard++ {
		part := whole
		part.Asked.Shard, part.Asked.Shards = shard, n
		part.Rerun.All = append(slices.Clone(whole.Rerun.All), "--shard", "i/n", "--strict")
		part.Started = whole.Started.Add(time.Duration(shard) * time.Minute)
		part.Elapsed = time.Second
		ids, err := catalog.Asked(whole.Role, whole.Spec, part.Asked)
		require.NoError(t, err)
		part.Results = slices.DeleteFunc(slices.Clone(whole.Results), func(r result.Result) bool {
			return !slices.ContainsFunc(ids, func(m result.Missed) bool { return m.ID == r.ID })
		})
		require.NotEmpty(t, part.Results)
		all = append(all, part)
	}
	return all
}

func TestPartsBecomeTheWholeRunAgain(t *testing.T) {
	for _, whole := range []report.Run{green(), failing(t)} {
		shards := parts(t, whole, 4)
		slices.Reverse(shards)
		var b bytes.Buffer // as they come from files
		require.NoError(t, report.JSON(&b, shards...))
		read, err := report.Read(&b)
		require.NoError(t, err)

		merged, err := report.Merge(slices.Concat(read, []report.Run{green()})...)
		require.NoError(t, err)
		require.Len(t, merged, 2)
		m := merged[0]
		require.Equal(t, whole.Clauses(), m.Clauses())
		require.Len(t, m.Results, len(whole.Results))
		require.Equal(t, report.ExitStatus(whole), report.ExitStatus(m))
		require.Equal(t, result.Selection{}, m.Asked)
		require.Equal(t, whole.Started.Add(time.Minute), m.Started)
		require.Equal(t, 4*time.Second, m.Elapsed)
		require.Equal(t, append(slices.Clone(whole.Rerun.All), "--strict"), m.Rerun.All)
		require.Empty(t, m.NotRun)
		require.Equal(t, green(), merged[1])
	}
}

func TestAMissingPartIsNamedAndItsClausesDoNotHold(t *testing.T) {
	shards := parts(t, green(), 4)
	merged, err := report.Merge(shards[1], shards[3])
	require.NoError(t, err)
	require.Len(t, merged, 1)
	m := merged[0]
	require.Equal(t, 1, report.ExitStatus(m))
	require.Equal(t, report.Unknown, m.Verdict())
	require.Equal(t, []string{"no report of --shard 1/4, 3/4 was given"}, m.NotRun)
	require.Len(t, m.Missed, len(shards[0].Results)+len(shards[2].Results))
	var text bytes.Buffer
	require.NoError(t, report.Text(&text, m))
	require.Contains(t, text.String(), "no report of --shard 1/4, 3/4 was given")

	merged, err = report.Merge(shards[0])
	require.NoError(t, err)
	require.Equal(t, 1, report.ExitStatus(merged...), "one part alone is not the run")
}

func TestPartsThatAreNotOfOneRunAreRefusedOrStayApart(t *testing.T) {
	shards := parts(t, green(), 2)
	_, err := report.Merge(shards[0], shards[1], shards[0])
	require.ErrorIs(t, err, report.ErrShards)
	require.ErrorContains(t, err, "part 1 of 2 of worker sample is there twice")

	older := shards[1]
	older.Environment.Version = "v0.9.0"
	_, err = report.Merge(shards[0], older)
	require.ErrorContains(t, err, "part 2 of 2 of worker sample was run by pyproctest v0.9.0, and part 1 by v1.0.0")

	for name, change := range map[string]func(*report.Run){
		"subject":   func(r *report.Run) { r.Subject = "another" },
		"framing":   func(r *report.Run) { r.Asked.Framings = []spec.Framing{spec.Basic} },
		"exclusion": func(r *report.Run) { r.Asked.Except = []string{"WRK-8"} },
		"strict":    func(r *report.Run) { r.Strict = true },
		"parts":     func(r *report.Run) { r.Asked.Shards = 3 },
	} {
		other := shards[1]
		change(&other)
		merged, err := report.Merge(shards[0], other)
		require.NoError(t, err, name)
		require.Len(t, merged, 2, name)
		require.Equal(t, 1, report.ExitStatus(merged[0]), name)
	}
}

func TestWhatOnePartSaysHoldsForTheWholeRun(t *testing.T) {
	shards := parts(t, failing(t), 2)
	list := known.Entry{Pattern: "MSG-6", Reason: "later", Line: 1}
	stale := known.Problem{Entry: known.Entry{Pattern: "FRM-99", Line: 2}, File: "list", Text: "FRM-99 matches no case"}
	for i := range shards {
		shards[i].Known = &known.Outcome{File: "list", Problems: []known.Problem{stale}, Unjudged: 1 - i}
	}
	shards[0].Known.Excused = []known.Excuse{{Case: "MSG-6/absent-body-is-null/basic", Entry: list}}
	shards[1].Interrupted = true
	shards[1].SetUp = "the adapter cannot be started"
	merged, err := report.Merge(shards...)
	require.NoError(t, err)
	m := merged[0]
	require.True(t, m.Interrupted)
	require.Equal(t, "part 2 of 2: the adapter cannot be started", m.SetUp)
	require.Equal(t, &known.Outcome{File: "list", Problems: []known.Problem{stale}, Excused: shards[0].Known.Excused}, m.Known)
}
