package report

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

//go:embed report.schema.json
var schema string

// Schema returns the JSON Schema of what [JSON] writes.
func Schema() string { return schema }

const (
	format        = "pyproctest report"
	formatVersion = 1
)

// ErrFormat is wrapped by the errors of [Read] for input that is not a report, or not one that it can read.
var ErrFormat = errors.New("not a report that can be read")

// JSON writes the runs as one JSON document, which [Schema] describes and [Read] reads. Text, findings and events beyond
// a limit are cut, and the document says how much was cut.
func JSON(w io.Writer, runs ...Run) error {
	doc := document{Format: format, Version: formatVersion, ExitStatus: ExitStatus(runs...), Runs: []runJSON{}}
	for _, r := range runs {
		doc.Runs = append(doc.Runs, newRunJSON(r.presentable()))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(doc)
}

// Read reads what [JSON] wrote. The usual causes it reads are those of the findings. It returns an error that wraps
// [ErrFormat] if the input is something else, or comes from a version of pyproctest with other clauses.
func Read(r io.Reader) ([]Run, error) {
	var doc document
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if doc.Format != format || doc.Version != formatVersion {
		return nil, fmt.Errorf("%w: its format is %q version %d, and not %q version %d", ErrFormat, doc.Format, doc.Version, format, formatVersion)
	}
	var runs []Run
	for i, r := range doc.Runs {
		run, err := r.run()
		if err != nil {
			return nil, fmt.Errorf("%w: run %d: %w", ErrFormat, i+1, err)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

type document struct {
	Format     string    `json:"format"`
	Version    int       `json:"version"`
	ExitStatus int       `json:"exitStatus"`
	Runs       []runJSON `json:"runs"`
}

type runJSON struct {
	Role        spec.Role     `json:"role"`
	Subject     string        `json:"subject"`
	Spec        string        `json:"clausesVersion"`
	Verdict     Verdict       `json:"verdict"`
	Summary     string        `json:"summary"`
	Must        Count         `json:"must"`
	Should      Count         `json:"should"`
	Explored    string        `json:"explored,omitempty"`
	Strict      bool          `json:"strict"`
	Interrupted bool          `json:"interrupted"`
	SetUp       string        `json:"setUp,omitempty"`
	Repeat      int           `json:"repeat,omitempty"`
	Asked       selectionJSON `json:"asked"`
	Started     time.Time     `json:"started"`
	Elapsed     time.Duration `json:"elapsedNs"`
	NotRun      []string      `json:"notRun,omitempty"`
	Notes       []string      `json:"notes,omitempty"`
	Environment Environment   `json:"environment"`
	Rerun       Rerun         `json:"rerun"`
	File        string        `json:"file,omitempty"`
	Known       *outcomeJSON  `json:"knownFailing,omitempty"`
	Clauses     []clauseJSON  `json:"clauses"`
	Results     []resultJSON  `json:"results"`
	Missed      []missedJSON  `json:"missed,omitempty"`
}

type selectionJSON struct {
	Framings []spec.Framing `json:"framings,omitempty"`
	Only     []string       `json:"only,omitempty"`
	Covering []string       `json:"covering,omitempty"`
	Except   []string       `json:"except,omitempty"`
	Shard    int            `json:"shard,omitempty"`
	Shards   int            `json:"shards,omitempty"`
}

type clauseJSON struct {
	Name  string     `json:"name"`
	Level spec.Level `json:"level"`
	State State      `json:"state"`
	Cases int        `json:"cases"`
}

type resultJSON struct {
	ID       string        `json:"id"`
	Clauses  []string      `json:"clauses"`
	Status   result.Status `json:"status"`
	Reason   string        `json:"reason,omitempty"`
	Cause    string        `json:"usualCause,omitempty"`
	Elapsed  time.Duration `json:"elapsedNs"`
	Times    int           `json:"times,omitempty"`
	Held     int           `json:"held,omitempty"`
	Findings []findingJSON `json:"findings,omitempty"`
	Timeline []eventJSON   `json:"timeline,omitempty"`
}

type findingJSON struct {
	Clause string `json:"clause"`
	Want   string `json:"expected"`
	Got    string `json:"got"`
	Dump   string `json:"dump,omitempty"`
	Cause  string `json:"usualCause,omitempty"`
}

type missedJSON struct {
	ID      string   `json:"id"`
	Clauses []string `json:"clauses"`
}

type eventJSON struct {
	At      time.Duration `json:"atNs"`
	Where   string        `json:"where"`
	Note    string        `json:"note,omitempty"`
	Hex     string        `json:"hex,omitempty"`
	Total   int           `json:"bytes,omitempty"`
	Framing spec.Framing  `json:"framing,omitempty"`
}

type outcomeJSON struct {
	File     string        `json:"file"`
	Excused  []excuseJSON  `json:"excused"`
	Problems []problemJSON `json:"problems"`
	Unjudged int           `json:"unjudged"`
}

type entryJSON struct {
	Pattern string `json:"pattern"`
	Reason  string `json:"reason"`
	Line    int    `json:"line"`
}

type excuseJSON struct {
	Case  string    `json:"case"`
	Entry entryJSON `json:"entry"`
}

type problemJSON struct {
	Entry entryJSON `json:"entry"`
	Text  string    `json:"text"`
}

func newRunJSON(r Run) runJSON {
	j := runJSON{
		Role: r.Role, Subject: r.Subject, Spec: r.Spec,
		Verdict: r.Verdict(), Summary: r.sentence(), Must: r.Count(spec.Must), Should: r.Count(spec.Should),
		Explored: r.Explored, Strict: r.Strict, Interrupted: r.Interrupted, SetUp: r.SetUp, Repeat: r.Repeat, Asked: selectionJSON(r.Asked),
		Started: r.Started.UTC(), Elapsed: r.Elapsed, NotRun: r.NotRun, Notes: r.Notes, Environment: r.Environment,
		Rerun: Rerun{All: arguments(r.Rerun.All), One: arguments(r.Rerun.One)}, File: r.File, Clauses: []clauseJSON{}, Results: []resultJSON{},
	}
	for _, c := range r.Clauses() {
		j.Clauses = append(j.Clauses, clauseJSON{c.Name, c.Level, c.State, c.Cases})
	}
	for _, res := range r.Results {
		to := resultJSON{
			ID: res.ID, Clauses: texts(res.Clauses), Status: res.Status, Reason: res.Reason, Cause: res.UsualCause(), Elapsed: res.Elapsed,
			Times: res.Times, Held: res.Held,
		}
		for _, f := range res.Findings {
			only := res
			only.Findings = []result.Finding{f}
			f.Cause = only.UsualCause()
			to.Findings = append(to.Findings, findingJSON(f))
		}
		for _, e := range res.Timeline {
			to.Timeline = append(to.Timeline, eventJSON{e.At, e.Where, e.Note, hex.EncodeToString(e.Bytes), e.Total, e.Framing})
		}
		j.Results = append(j.Results, to)
	}
	for _, m := range r.Missed {
		j.Missed = append(j.Missed, missedJSON(m))
	}
	if k := r.Known; k != nil {
		j.Known = &outcomeJSON{File: k.File, Unjudged: k.Unjudged, Excused: []excuseJSON{}, Problems: []problemJSON{}}
		for _, e := range k.Excused {
			j.Known.Excused = append(j.Known.Excused, excuseJSON{e.Case, entryJSON(e.Entry)})
		}
		for _, p := range k.Problems {
			j.Known.Problems = append(j.Known.Problems, problemJSON{entryJSON(p.Entry), p.Text})
		}
	}
	return j
}

// texts returns a copy that is never null in JSON.
func texts(list []string) []string { return append([]string{}, list...) }

// arguments returns the words of a command as UTF-8, since JSON holds nothing else.
func arguments(list []string) []string {
	all := texts(list)
	for i, word := range all {
		all[i] = strings.ToValidUTF8(word, "\uFFFD")
	}
	return all
}

// run returns the run that was written. Derived fields, such as the verdict, are not read but computed again.
func (j runJSON) run() (Run, error) {
	if !slices.Contains([]spec.Role{spec.RoleFramer, spec.RoleWorker, spec.RolePool}, j.Role) {
		return Run{}, fmt.Errorf("%q is not a role", j.Role)
	}
	if !slices.Contains(spec.Versions(), j.Spec) {
		return Run{}, fmt.Errorf("it is of version %q of the clauses, and this pyproctest knows the versions %s", j.Spec, strings.Join(spec.Versions(), ", "))
	}
	r := Run{
		Report: result.Report{
			Role: j.Role, Subject: j.Subject, Spec: j.Spec, Started: j.Started, Elapsed: j.Elapsed, NotRun: j.NotRun,
			Asked: result.Selection(j.Asked), Interrupted: j.Interrupted, SetUp: j.SetUp, Repeat: j.Repeat,
		},
		Environment: j.Environment, Rerun: j.Rerun, Explored: j.Explored, Strict: j.Strict, File: j.File, Notes: j.Notes,
	}
	for _, from := range j.Results {
		res, err := from.result()
		if err != nil {
			return Run{}, fmt.Errorf("case %q: %w", from.ID, err)
		}
		r.Results = append(r.Results, res)
	}
	for _, m := range j.Missed {
		r.Missed = append(r.Missed, result.Missed(m))
	}
	if k := j.Known; k != nil {
		r.Known = &known.Outcome{File: k.File, Unjudged: k.Unjudged}
		for _, e := range k.Excused {
			r.Known.Excused = append(r.Known.Excused, known.Excuse{Case: e.Case, Entry: known.Entry(e.Entry)})
		}
		for _, p := range k.Problems {
			r.Known.Problems = append(r.Known.Problems, known.Problem{Entry: known.Entry(p.Entry), File: k.File, Text: p.Text})
		}
	}
	return r, nil
}

var statuses = []result.Status{
	result.StatusPass, result.StatusFail, result.StatusShould, result.StatusUnsupported, result.StatusNotAsked, result.StatusBlocked,
}

func (j resultJSON) result() (result.Result, error) {
	if !slices.Contains(statuses, j.Status) {
		return result.Result{}, fmt.Errorf("%q is not a status", j.Status)
	}
	if j.Held < 0 || j.Held > j.Times {
		return result.Result{}, fmt.Errorf("it cannot have held %d of %d times", j.Held, j.Times)
	}
	r := result.Result{
		ID: j.ID, Clauses: j.Clauses, Status: j.Status, Reason: j.Reason, Cause: j.Cause, Elapsed: j.Elapsed, Times: j.Times, Held: j.Held,
	}
	if slices.ContainsFunc(j.Findings, func(f findingJSON) bool { return f.Cause != "" }) {
		r.Cause = "" // it is that of the first finding alone, and each finding has its own; reports of version 2 have but one
	}
	for _, f := range j.Findings {
		r.Findings = append(r.Findings, result.Finding(f))
	}
	for i, e := range j.Timeline {
		data, err := hex.AppendDecode(nil, []byte(e.Hex))
		if err != nil {
			return result.Result{}, fmt.Errorf("event %d: %w", i+1, err)
		}
		r.Timeline = append(r.Timeline, result.Event{At: e.At, Where: e.Where, Note: e.Note, Bytes: data, Total: max(e.Total, len(data)), Framing: e.Framing})
	}
	return r, nil
}
