package known_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestListIsReadLineByLine(t *testing.T) {
	list, err := known.Parse("known.txt", "\uFEFF# a heading\r\n\r\n  WRK-8 # one connection at a time\r\nMSG-11/*/basic\t#under 0, see #12\n")
	require.NoError(t, err)
	require.Equal(t, []known.Entry{
		{Pattern: "WRK-8", Reason: "one connection at a time", Line: 3},
		{Pattern: "MSG-11/*/basic", Reason: "under 0, see #12", Line: 4},
	}, list.Entries)
}

func TestEveryWrongLineIsNamedWithWhatToDo(t *testing.T) {
	_, err := known.Parse("known.txt", strings.Join([]string{
		"WRK-8",
		"WRK-9 #  ",
		"WRK-8 WRK-9 # both",
		"WRK-[ # broken",
		"WRK-8/ # empty element",
		"WRK-7 # once",
		"WRK-7 # twice",
		"WRK-6 # \xff",
	}, "\n"))
	require.EqualError(t, err, strings.Join([]string{
		"known.txt:1: WRK-8 has no reason: write WRK-8  # why it fails",
		"known.txt:2: WRK-9 has no reason: write WRK-9  # why it fails",
		`known.txt:3: "WRK-8 WRK-9" is more than one word: write one clause or case a line, and its reason after a #`,
		`known.txt:4: "WRK-[" is not a pattern for clauses or cases: write for example WRK-5, BPR-* or FRM-7/enhanced-length-17*/basic`,
		`known.txt:5: "WRK-8/" is not a pattern for clauses or cases: write for example WRK-5, BPR-* or FRM-7/enhanced-length-17*/basic`,
		"known.txt:7: WRK-7 is on line 6 too: remove one of them",
		"known.txt:8: the line is not UTF-8: a list is plain text",
	}, "\n"))
	var problem known.Problem
	require.ErrorAs(t, err, &problem)
	require.Equal(t, 1, problem.Line)
}

func TestFileThatCannotBeReadIsAnError(t *testing.T) {
	_, err := known.Load(filepath.Join(t.TempDir(), "none.txt"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "the known-failing list cannot be read")
}

// workerReport is a whole run against a worker in which every case passes but for those named.
func workerReport(not map[string]result.Status) result.Report {
	rep := result.Report{Role: spec.RoleWorker, Subject: "w", Spec: spec.Version}
	for _, c := range catalog.Cases() {
		if c.Role != spec.RoleWorker {
			continue
		}
		framings := c.Framings
		if len(framings) == 0 {
			framings = []spec.Framing{""}
		}
		for _, f := range framings {
			res := result.Result{ID: c.ID(f), Clauses: c.Clauses, Status: result.StatusPass}
			for pattern, status := range not {
				if result.Match(pattern, res.ID) {
					res.Status, res.Reason = status, "so it is"
				}
			}
			if res.Status == result.StatusFail || res.Status == result.StatusShould {
				res.Reason = ""
				res.Findings = []result.Finding{{Clause: c.Clauses[0], Want: "this", Got: "that\nand more"}}
			}
			rep.Results = append(rep.Results, res)
		}
	}
	return rep
}

// several is how many cases of the run an entry matches, of which there are more than one.
func several(t *testing.T, rep result.Report, pattern string) int {
	t.Helper()
	n := 0
	for _, res := range rep.Results {
		if result.Match(pattern, res.ID) {
			n++
		}
	}
	require.Greater(t, n, 1, pattern)
	return n
}

func apply(t *testing.T, rep result.Report, lines ...string) known.Outcome {
	t.Helper()
	list, err := known.Parse("known.txt", strings.Join(lines, "\n"))
	require.NoError(t, err)
	return list.Apply(rep)
}

func problems(o known.Outcome) []string {
	var texts []string
	for _, p := range o.Problems {
		texts = append(texts, p.Error())
	}
	return texts
}

func TestEntryExcusesTheCasesThatItMatches(t *testing.T) {
	rep := workerReport(map[string]result.Status{
		"WRK-6": result.StatusFail, "MSG-6": result.StatusBlocked, "CRC-1": result.StatusFail, "WRK-5": result.StatusFail,
	})
	o := apply(t, rep, "MSG-6/absent-*/basic # wedged", "WRK-6 # umask")
	require.Empty(t, o.Problems)
	require.Equal(t, []string{"MSG-6/absent-body-is-null/basic", "WRK-6/socket-file-has-mode-0600"}, excused(o))
	e, ok := o.Excuses("WRK-6/socket-file-has-mode-0600")
	require.True(t, ok)
	require.Equal(t, known.Entry{Pattern: "WRK-6", Reason: "umask", Line: 2}, e)
	_, ok = o.Excuses("WRK-5/path-of-what-is-no-socket-is-refused")
	require.False(t, ok)
}

func excused(o known.Outcome) []string {
	var ids []string
	for _, e := range o.Excused {
		ids = append(ids, e.Case)
	}
	return ids
}

func TestUnsupportedMustIsExcusedAndAnOptionalOneNeedsNoEntry(t *testing.T) {
	o := apply(t, workerReport(map[string]result.Status{"WRK-6": result.StatusUnsupported}), "WRK-6 # not here")
	require.Empty(t, o.Problems)
	require.Len(t, o.Excused, 1)

	pool := result.Report{Role: spec.RolePool, Results: []result.Result{{
		ID: "BPR-6/call-over-the-bound-is-refused/basic", Clauses: []string{"BPR-6"}, Status: result.StatusUnsupported,
	}}}
	o = apply(t, pool, "BPR-6 # no bound")
	require.Empty(t, o.Excused)
	require.Equal(t, []string{"known.txt:1: BPR-6 does not fail any more (1 case): remove the line"}, problems(o))
}

func TestEntryIsWrongWhereAllThatItMatchesPasses(t *testing.T) {
	rep := workerReport(map[string]result.Status{"MSG-6/absent-*/basic": result.StatusFail})
	o := apply(t, rep, "MSG-6 # partly", "WRK-20 # gone", "WRK-6 # gone")
	require.Equal(t, []string{"MSG-6/absent-body-is-null/basic"}, excused(o))
	require.Equal(t, []string{
		fmt.Sprintf("known.txt:2: WRK-20 does not fail any more (%d cases): remove the line", several(t, rep, "WRK-20")),
		"known.txt:3: WRK-6 does not fail any more (1 case): remove the line",
	}, problems(o))
}

func TestPassingEntryIsToldWhereItsClauseIsViolated(t *testing.T) {
	rep := workerReport(nil)
	for i, res := range rep.Results {
		if res.ID == "MSG-5/ids-of-64-bits-come-back/basic" {
			rep.Results[i].Status = result.StatusFail
			rep.Results[i].Findings = []result.Finding{{Clause: "RID-8"}}
		}
	}
	o := apply(t, rep, "RID-8 # doubles")
	require.Equal(t, []string{fmt.Sprintf("known.txt:1: RID-8 does not fail any more (%d cases): remove the line", several(t, rep, "RID-8")) +
		" (cases of other clauses find it violated: list those, MSG-5/ids-of-64-bits-come-back/basic)"}, problems(o))
}

func TestEntryThatMatchesNoCaseIsWrong(t *testing.T) {
	rep := workerReport(nil)
	require.Equal(t, []string{
		"known.txt:1: WRK-99 matches no case for a worker: correct the name, or remove the line",
		"known.txt:2: BPR-* matches no case for a worker, only for a pool: keep a list for each role",
		"known.txt:3: FRM-14 matches no case for a worker: the clause is untestable, remove the line",
		"known.txt:4: wrk-6 matches no case for a worker: correct the name, or remove the line",
	}, problems(apply(t, rep, "WRK-99 # a", "BPR-* # b", "FRM-14 # c", "wrk-6 # d")))

	rep.Asked.Framings = []spec.Framing{spec.Basic}
	require.Equal(t, []string{
		"known.txt:1: */*/enhanced matches no case for a worker in the basic framing: remove the line, or run the other framing too",
	}, problems(apply(t, only(rep, spec.Basic), "*/*/enhanced # e")))
}

// only leaves out the results that are not of the framing.
func only(rep result.Report, framing spec.Framing) result.Report {
	var results []result.Result
	for _, r := range rep.Results {
		if strings.Count(r.ID, "/") < 2 || strings.HasSuffix(r.ID, "/"+string(framing)) {
			results = append(results, r)
		}
	}
	rep.Results = results
	return rep
}

func TestEntryIsJudgedInTheFramingsThatWereAskedFor(t *testing.T) {
	rep := only(workerReport(nil), spec.Basic)
	rep.Asked.Framings = []spec.Framing{spec.Basic}
	require.Equal(t, []string{"known.txt:1: MSG-6/absent-* does not fail any more (1 case): remove the line"}, problems(apply(t, rep, "MSG-6/absent-* # a")))
}

func TestRunOfAPartDoesNotJudgeWhatItLeftOut(t *testing.T) {
	rep := workerReport(nil)
	rep.Results = rep.Results[:3]
	for name, part := range map[string]func(*result.Report){
		"restricted":  func(r *result.Report) { r.Asked.Only = []string{"MSG-1"} },
		"one of two":  func(r *result.Report) { r.Asked.Shard, r.Asked.Shards = 1, 2 },
		"interrupted": func(r *result.Report) { r.Interrupted = true },
	} {
		rep := rep
		part(&rep)
		o := apply(t, rep, "WRK-6 # a", rep.Results[0].ID+" # b", "NON-1 # c")
		require.Equal(t, 1, o.Unjudged, name)
		require.Equal(t, []string{
			"known.txt:2: " + rep.Results[0].ID + " does not fail any more (1 case): remove the line",
			"known.txt:3: NON-1 matches no case for a worker: correct the name, or remove the line",
		}, problems(o), name)
	}
}

// One list serves a run and an exploration.
func TestRunOfCasesDoesNotJudgeAnEntryForWhatExplorationsFind(t *testing.T) {
	list, err := known.Parse("known.txt", "WRK-8/explored-* # found by explore alone\nBPR-1/explored-* # not a worker's\nWRK-99/explored-x # no clause\n")
	require.NoError(t, err)
	o := list.Apply(workerReport(nil))
	require.Equal(t, 1, o.Unjudged)
	require.Len(t, o.Problems, 2)
	require.Equal(t, []int{2, 3}, []int{o.Problems[0].Line, o.Problems[1].Line})

	found := result.Report{Role: spec.RoleWorker, Spec: spec.Version, Results: []result.Result{
		{ID: "WRK-8/explored-answers-at-all", Clauses: []string{"WRK-8"}, Status: result.StatusFail, Findings: []result.Finding{{Clause: "WRK-8"}}},
	}}
	require.Len(t, list.Apply(found).Excused, 1)
}

func TestFailedSetUpIsNeverExcused(t *testing.T) {
	rep := result.Report{Role: spec.RoleWorker, SetUp: "it cannot be started", Results: []result.Result{{
		ID: "WRK-1/listens-at-its-path-and-serves-the-first-connection", Clauses: []string{"WRK-1"}, Status: result.StatusBlocked,
	}}}
	o := apply(t, rep, "*-* # everything")
	require.Empty(t, o.Excused)
	require.Empty(t, o.Problems)
	require.Equal(t, 1, o.Unjudged)

	require.ErrorContains(t, known.Write(&strings.Builder{}, rep, false), "it cannot be started")
	require.ErrorContains(t, known.Write(&strings.Builder{}, result.Report{Interrupted: true}, false), "interrupted")
}

func TestWrittenListNamesTheClauseWhereNothingOfItPasses(t *testing.T) {
	rep := workerReport(map[string]result.Status{
		"WRK-20": result.StatusBlocked, "MSG-6/absent-*/basic": result.StatusFail, "WRK-10": result.StatusFail,
		"RID-8": result.StatusFail, "CAN-8": result.StatusShould,
	})
	var b strings.Builder
	require.NoError(t, known.Write(&b, rep, false))
	require.Equal(t, fmt.Sprintf(`# Known failures of this worker (clauses version %s). One clause or case a line, and its reason.
# Strict: a line under which nothing fails any more is an error.
MSG-6/absent-body-is-null/basic  # MSG-6: expected this; got that
RID-8                            # %d cases, e.g. RID-8: expected this; got that
WRK-10                           # %d cases, e.g. WRK-10: expected this; got that
WRK-20                           # %d cases, e.g. blocked: so it is
`, spec.Version, several(t, rep, "RID-8"), several(t, rep, "WRK-10"), several(t, rep, "WRK-20")), b.String())

	b.Reset()
	require.NoError(t, known.Write(&b, rep, true))
	require.Contains(t, b.String(), "\nCAN-8  ")
}

func TestListWrittenOfAPartDoesNotSpeakForTheRest(t *testing.T) {
	rep := workerReport(map[string]result.Status{"WRK-8/half-*/basic": result.StatusFail})
	rep.Asked.Only = []string{"WRK-8/half-*/basic"}
	var part []result.Result
	for _, r := range rep.Results {
		if r.Status == result.StatusFail {
			part = append(part, r)
		}
	}
	rep.Results = part
	var b strings.Builder
	require.NoError(t, known.Write(&b, rep, false))
	require.Contains(t, b.String(), "\nWRK-8/half-sent-frame-blocks-no-other-connection/basic  # ")
}

// Whatever fails, the list that is written excuses all of it and nothing else.
func TestWrittenListExcusesExactlyWhatFails(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		rep := workerReport(nil)
		statuses := []result.Status{
			result.StatusPass, result.StatusPass, result.StatusFail, result.StatusBlocked, result.StatusShould,
		}
		statuses = statuses[r.IntN(3):]
		for i := range rep.Results {
			if rep.Results[i].Status = statuses[r.IntN(len(statuses))]; r.IntN(4) > 0 {
				rep.Results[i].Reason = fmt.Sprintf("\x1b[31m%c # 日本 \xff\n", rune(r.IntN(0x3000)))
			}
		}
		var b strings.Builder
		require.NoError(t, known.Write(&b, rep, true))
		list, err := known.Parse("known.txt", b.String())
		require.NoError(t, err, "seed %d:\n%s", seed, b.String())
		o := list.Apply(rep)
		require.Empty(t, o.Problems, "seed %d", seed)
		for _, res := range rep.Results {
			_, ok := o.Excuses(res.ID)
			require.Equal(t, res.Status != result.StatusPass, ok, "seed %d: %s", seed, res.ID)
		}
		for _, e := range list.Entries {
			for _, res := range rep.Results {
				require.False(t, result.Match(e.Pattern, res.ID) && res.Status == result.StatusPass, "%s hides %s", e.Pattern, res.ID)
			}
		}
	}
}
