package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestJSONTellsTheCountsAndIsValid(t *testing.T) {
	doc := valid(t, written(t, report.JSON, failing(t)))
	require.EqualValues(t, "1", number(doc, "exitStatus"))
	run := doc["runs"].([]any)[0].(map[string]any)
	require.Equal(t, "violated", run["verdict"])
	require.Equal(t, map[string]any{"hold": json.Number(strconv.Itoa(musts - 5)), "violated": json.Number("2"), "knownFailing": json.Number("0"), "unknown": json.Number("3")}, run["must"])
	byStatus := map[string]int{}
	for _, r := range run["results"].([]any) {
		byStatus[r.(map[string]any)["status"].(string)]++
	}
	require.Equal(t, map[string]int{"pass": len(green().Results) - 5, "fail": 2, "blocked": 1, "unsupported": 1, "should": 1}, byStatus)
}

func TestJSONGivesBackTheRunsThatWereWritten(t *testing.T) {
	several := failing(t) // the causes of its findings are not that of the case
	set(t, &several, "MSG-6/absent-body-is-null/basic", func(r *result.Result) {
		r.Findings = []result.Finding{{Clause: "MSG-1", Want: "a", Got: "b"}, {Clause: "MSG-6", Want: "c", Got: "d"}, {Clause: "MSG-6", Want: "e", Got: "f"}}
		r.Findings = append(r.Findings, r.Findings...)
	})
	set(t, &several, "MSG-6/absent-body-is-null/enhanced", func(r *result.Result) {
		r.Status = result.StatusFail
		r.Findings = []result.Finding{{Clause: "MSG-2", Want: "a", Got: "b", Cause: "The envelope is lost."}, {Clause: "MSG-6", Want: "c", Got: "d"}}
	})
	set(t, &several, "WRK-5/path-of-what-is-no-socket-is-refused", func(r *result.Result) {
		r.Status = result.StatusFail
		r.Findings = []result.Finding{{Clause: "WRK-5", Want: "a", Got: "b", Cause: "The file is removed."}, {Clause: "WRK-5", Want: "c", Got: "d"}, {Clause: "WRK-5", Want: "c", Got: "d"}}
	})
	runs := []report.Run{
		failing(t), several, excusing(t, failing(t), allExcused+"WRK-9 # x"), poolOf("p"),
		{Report: result.Report{
			Role: spec.RoleFramer, Spec: spec.Version, SetUp: "why", Interrupted: true, NotRun: []string{"a", "b"},
			Asked: result.Selection{Framings: []spec.Framing{"basic"}, Covering: []string{"c"}, Except: []string{"d"}, Shard: 2, Shards: 3},
		}, Strict: true, Explored: "3 histories", Notes: []string{"n"}},
	}
	runs[0].Started = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	text := written(t, report.JSON, runs...)
	valid(t, text)
	back, err := report.Read(bytes.NewReader(text))
	require.NoError(t, err)
	require.Len(t, back, len(runs))
	for i := range runs {
		require.Len(t, back[i].Results, len(runs[i].Results))
		for j, res := range runs[i].Results {
			got := back[i].Results[j]
			require.Equal(t, usualCauses(res), usualCauses(got), res.ID)
			res.Cause, res.Findings, got.Cause, got.Findings = "", withoutCauses(res.Findings), "", withoutCauses(got.Findings)
			require.Equal(t, res, got)
		}
		require.Equal(t, runs[i].Known, back[i].Known)
		require.Equal(t, runs[i].Asked, back[i].Asked)
		require.Equal(t, runs[i].Verdict(), back[i].Verdict())
		require.Equal(t, runs[i].Notes, back[i].Notes)
	}
	for name, write := range formats {
		require.Equal(t, string(written(t, write, runs...)), string(written(t, write, back...)), name)
	}
	require.Equal(t, string(text), string(written(t, report.JSON, back...)))
}

// usualCauses is what a reader is told of each finding, wherever it is shown first. Which of them is the case's own does
// not matter, nor does what would cause a failure where there is none.
func usualCauses(res result.Result) []string {
	all := []string{res.UsualCause()}
	for _, f := range res.Findings {
		res.Findings = []result.Finding{f}
		all = append(all, res.UsualCause())
	}
	return all
}

func withoutCauses(findings []result.Finding) []result.Finding {
	findings = slices.Clone(findings)
	for i := range findings {
		findings[i].Cause = ""
	}
	return findings
}

func TestReadRefusesWhatItWouldMistake(t *testing.T) {
	right := string(written(t, report.JSON, failing(t)))
	for name, c := range map[string]struct{ text, says string }{
		"no JSON":         {"<html>", "invalid character"},
		"another format":  {`{"format":"x","version":1}`, `its format is "x" version 1`},
		"a later format":  {strings.Replace(right, `"version": 1`, `"version": 2`, 1), "version 2, and not"},
		"other clauses":   {strings.Replace(right, `"clausesVersion": "`+spec.Version+`"`, `"clausesVersion": "none"`, 1), `version "none" of the clauses`},
		"unknown role":    {strings.Replace(right, `"role": "worker"`, `"role": "cook"`, 1), `"cook" is not a role`},
		"unknown status":  {strings.Replace(right, `"status": "pass"`, `"status": "fine"`, 1), `"fine" is not a status`},
		"hex that is odd": {strings.Replace(right, `"hex": "00`, `"hex": "0`, 1), "odd length hex"},
		"a cut-off file":  {right[:len(right)/2], "unexpected EOF"},
	} {
		require.NotEqual(t, right, c.text, name)
		_, err := report.Read(strings.NewReader(c.text))
		require.ErrorIs(t, err, report.ErrFormat, name)
		require.ErrorContains(t, err, c.says, name)
	}
}

// A schema that takes everything would pass the tests above.
func TestSchemaRefusesWhatIsNoReport(t *testing.T) {
	right := string(written(t, report.JSON, excusing(t, failing(t), allExcused)))
	for old, bad := range map[string]string{
		`"status": "pass"`:    `"status": "fine"`,
		`"exitStatus": 0`:     `"exitStatus": 3`,
		`"verdict": "known"`:  `"verdict": "good"`,
		`"hex": "00`:          `"hex": "0`,
		`"state": "holds"`:    `"state": "green"`,
		`"elapsedNs": 912000`: `"elapsed": 912000`,
	} {
		require.Contains(t, right, old)
		var doc any
		require.NoError(t, json.Unmarshal([]byte(strings.Replace(right, old, bad, 1)), &doc))
		require.Error(t, schema(t).Validate(doc), bad)
	}
}

// What is cut once stays as it is, so a report that is read and written again loses nothing more.
func TestJSONOfRandomRunsIsValidAndStable(t *testing.T) {
	for seed := range uint64(15) {
		run := random(t, seed)
		text := written(t, report.JSON, run)
		valid(t, text)
		back, err := report.Read(bytes.NewReader(text))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, string(text), string(written(t, report.JSON, back...)), "seed %d", seed)
		require.Equal(t, run.Verdict(), back[0].Verdict(), "seed %d", seed)
		require.Equal(t, run.Clauses(), back[0].Clauses(), "seed %d", seed)
	}
}

// random is a run in which anything may have happened.
func random(t *testing.T, seed uint64) report.Run {
	r := rand.New(rand.NewPCG(seed, 2))
	run := green()
	run.Strict, run.Interrupted = r.IntN(4) == 0, r.IntN(8) == 0
	switch r.IntN(8) {
	case 0:
		run.Asked.Only = []string{"WRK-*"}
		run.Results = run.Results[:r.IntN(len(run.Results))]
	case 1:
		run.Results = run.Results[:r.IntN(len(run.Results))]
	case 2:
		run.SetUp, run.Results = "no such file", run.Results[:1]
		run.Results[0].Status = result.StatusBlocked
	}
	clauses := spec.Clauses()
	bad := r.IntN(10)
	for i := range run.Results {
		res := &run.Results[i]
		if r.IntN(500) >= bad*bad*bad || run.SetUp != "" {
			continue
		}
		switch r.IntN(4) {
		case 0:
			res.Status, res.Reason = result.StatusBlocked, "stuck"
		case 1:
			res.Status, res.Reason = result.StatusUnsupported, "not here"
		default:
			res.Status = result.StatusShould
			for range r.IntN(40) + 1 {
				c := clauses[r.IntN(len(clauses))]
				if r.IntN(3) > 0 || !c.Binds(spec.RoleWorker) {
					c, _ = spec.LookUp(res.Clauses[0])
				}
				if c.Level == spec.Must {
					res.Status = result.StatusFail
				}
				res.Findings = append(res.Findings, result.Finding{Clause: c.Name, Want: "a", Got: strings.Repeat("b", r.IntN(5000))})
			}
			for range r.IntN(100) {
				res.Timeline = append(res.Timeline, result.Event{Where: "there", Bytes: make([]byte, r.IntN(800)), Total: 800, Framing: spec.Enhanced})
			}
		}
	}
	var list strings.Builder
	for _, res := range run.Results {
		if res.Status != result.StatusPass && (seed%2 == 0 || r.IntN(3) > 0) {
			list.WriteString(res.ID + " # so it is\n")
		}
	}
	if r.IntN(6) == 0 {
		list.WriteString("WRK-9999 # none\n")
	}
	if seed%2 == 0 || r.IntN(2) == 0 {
		return excusing(t, run, list.String())
	}
	return run
}

func written(t *testing.T, write func(w io.Writer, runs ...report.Run) error, runs ...report.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b, runs...))
	return b.Bytes()
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(report.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("mem:///report.schema.json", doc))
	s, err := c.Compile("mem:///report.schema.json")
	require.NoError(t, err)
	return s
}

func valid(t *testing.T, text []byte) map[string]any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, schema(t).Validate(doc))
	return doc.(map[string]any)
}

func number(doc map[string]any, name string) string { return doc[name].(json.Number).String() }
