package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// events writes what happens, one line of JSON for each event, as events.schema.json describes it.
type events struct {
	out     *json.Encoder
	subject *subject
	repeat  int
	turn    int   // of --repeat, counted from 1
	err     error // the first error of writing
}

func newEvents(out io.Writer, s *subject, repeat int) *events {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return &events{out: e, subject: s, repeat: repeat}
}

type startEvent struct {
	Event   string    `json:"event"` // "start"
	Time    time.Time `json:"time"`
	Role    spec.Role `json:"role"`
	Subject string    `json:"subject"`
	Clauses string    `json:"clauses_version"`
	Cases   []string  `json:"cases"`
	Turn    int       `json:"turn,omitempty"` // absent without --repeat
}

type resultEvent struct {
	Event    string         `json:"event"` // "result"
	ID       string         `json:"id"`
	Status   result.Status  `json:"status"`
	Clauses  []string       `json:"clauses"`
	Elapsed  float64        `json:"elapsed_ms"`
	Turn     int            `json:"turn,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Findings []findingEvent `json:"findings,omitempty"`
}

type findingEvent struct {
	Clause string `json:"clause"`
	Want   string `json:"want"`
	Got    string `json:"got"`
}

type endEvent struct {
	Event       string         `json:"event"` // "end"
	Verdict     report.Verdict `json:"verdict"`
	ExitStatus  int            `json:"exit_status"`
	Elapsed     float64        `json:"elapsed_ms"`
	Cases       int            `json:"cases"` // how many ran
	Interrupted bool           `json:"interrupted"`
	SetUp       string         `json:"set_up,omitempty"`
	NotRun      []string       `json:"not_run"`
	Clauses     []clauseEvent  `json:"clauses"`
	Excused     []string       `json:"excused"`
	Problems    []string       `json:"known_failing_problems"`
	Notes       []string       `json:"notes"`
	Flaky       []flakyEvent   `json:"flaky,omitempty"`
}

type flakyEvent struct {
	ID    string `json:"id"`
	Held  int    `json:"held"`
	Times int    `json:"times"`
}

type clauseEvent struct {
	Name   string        `json:"name"`
	Level  spec.Level    `json:"level"`
	Status result.Status `json:"status"` // "not_run" if no case says anything of the clause
	Cases  int           `json:"cases"`
}

func (e *events) options() []conformance.Option {
	return []conformance.Option{conformance.OnStart(e.start), conformance.OnResult(e.result)}
}

func (e *events) write(event any) {
	if err := e.out.Encode(event); err != nil && e.err == nil {
		e.err = err
	}
}

func (e *events) start(ids []string) {
	if ids == nil {
		ids = []string{}
	}
	if e.repeat > 1 {
		e.turn++
	}
	e.write(startEvent{"start", time.Now().UTC(), e.subject.role, e.subject.name, spec.Version, ids, e.turn})
}

func (e *events) result(r result.Result) {
	event := resultEvent{
		Event: "result", ID: r.ID, Status: r.Status, Clauses: r.Clauses, Elapsed: milliseconds(r.Elapsed), Turn: e.turn, Reason: r.Reason,
	}
	for _, f := range r.Findings {
		event.Findings = append(event.Findings, findingEvent{f.Clause, f.Want, f.Got})
	}
	e.write(event)
}

func (e *events) say(string) {}

func (e *events) end() {}

// finish writes the last event.
func (e *events) finish(run report.Run, status int) error {
	end := endEvent{
		Event: "end", Verdict: run.Verdict(), ExitStatus: status, Elapsed: milliseconds(run.Elapsed),
		Cases: len(run.Results), Interrupted: run.Interrupted, SetUp: run.SetUp,
		NotRun: append([]string{}, run.NotRun...), Notes: append([]string{}, run.Notes...),
		Clauses: []clauseEvent{}, Excused: []string{}, Problems: []string{},
	}
	for _, c := range run.ByClause() {
		if c.Status == "" {
			c.Status = "not_run"
		}
		end.Clauses = append(end.Clauses, clauseEvent{c.Name, c.Level, c.Status, c.Cases})
	}
	for _, r := range run.Results {
		if r.Flaky() {
			end.Flaky = append(end.Flaky, flakyEvent{r.ID, r.Held, r.Times})
		}
	}
	if run.Known != nil {
		for _, x := range run.Known.Excused {
			end.Excused = append(end.Excused, x.Case)
		}
		for _, p := range run.Known.Problems {
			end.Problems = append(end.Problems, p.Text)
		}
	}
	e.write(end)
	return e.err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
