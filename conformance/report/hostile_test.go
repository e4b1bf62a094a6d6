package report_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// What an implementation, an adapter or a list may put into any text of a report.
var hostile = map[string]string{
	"control characters": "a\x00b\x1b[31mred\x07\r\n\x7f\u0085\u009b2Jz",
	"end of CDATA":       "]]><x/><![CDATA[",
	"HTML":               `</style></pre><script>alert(1)</script><img src=x onerror=alert(1)>"' onload='x' &amp;`,
	"Markdown":           "# h\n| a | b |\n```\n<b>x</b> [l](http://example.com) ![i](http://example.com/i.png) **s** @everyone www.example.com http://example.com\n~~~~",
	"template":           `{{.}} {{template "run"}} ${x} $(x) ` + "`x`",
	"invalid UTF-8":      "\xff\xfe\xc3(\xed\xa0\x80\xf8",
	"turned round":       "\u202egnp.exe\u2066\u200f\u2028\ufffe\U0001ffff",
	"not ASCII":          "ß日本語 \u0301é",
	"a path":             "../../etc/passwd' OR 1=1; --",
	"1 MB":               strings.Repeat("1 MB of text\n", 80_000),
	"1 MB of controls":   strings.Repeat("\x01", 1<<20),
}

// poisoned is a run that has the text in every text that a run has.
func poisoned(text string) report.Run {
	entry := known.Entry{Pattern: text, Reason: text, Line: 7}
	var results []result.Result
	for i, status := range []result.Status{
		result.StatusPass, result.StatusFail, result.StatusShould, result.StatusBlocked, result.StatusUnsupported,
		result.Status(text), result.StatusFail, result.StatusBlocked,
	} {
		res := result.Result{
			ID: fmt.Sprint(i, text), Clauses: []string{text, "MSG-6"}, Status: status, Reason: text, Cause: text, Elapsed: time.Second,
			Timeline: []result.Event{
				{Where: text, Note: text, Bytes: []byte(text)[:min(len(text), 4096)], Total: len(text), Framing: spec.Framing(text)},
				{Where: text, Note: text, Bytes: []byte("PY" + text)[:min(len(text), 4096)], Total: len(text), Framing: spec.Enhanced},
			},
		}
		if status == result.StatusFail || status == result.StatusShould {
			res.Findings = []result.Finding{{Clause: text, Want: text, Got: text, Dump: text, Cause: text}, {Clause: "MSG-6", Want: text, Got: text, Dump: text, Cause: text}}
		}
		results = append(results, res)
	}
	return report.Run{
		Report: result.Report{
			Role: spec.Role(text), Subject: text, Spec: text, Results: results, NotRun: []string{text}, SetUp: text,
			Missed: []result.Missed{{ID: text, Clauses: []string{text, "MSG-6"}}},
			Asked: result.Selection{
				Framings: []spec.Framing{spec.Framing(text)}, Only: []string{text}, Covering: []string{text}, Except: []string{text}, Shards: 2, Shard: 1,
			},
		},
		Environment: report.Environment{OS: text, Arch: text, CPUs: 2, Go: text, Version: text},
		Rerun:       report.Rerun{All: []string{"run", text}, One: []string{"run", text, "--clause"}},
		File:        text,
		Explored:    text,
		Notes:       []string{text},
		Known: &known.Outcome{File: text, Unjudged: 1,
			Excused:  []known.Excuse{{Case: results[6].ID, Entry: entry}},
			Problems: []known.Problem{{Entry: entry, File: text, Text: text}},
		},
	}
}

// Fields that are added to a run have to be poisoned too.
func TestPoisonedRunLeavesNoTextOut(t *testing.T) {
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			require.NotEmpty(t, v.String(), path)
		case reflect.Pointer:
			walk(path, v.Elem())
		case reflect.Slice:
			require.NotZero(t, v.Len(), path)
			walk(path, v.Index(min(1, v.Len()-1))) // of the results the one that fails
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	walk("Run", reflect.ValueOf(poisoned("x")))
}

var unfit = regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202e\u2066\u200f\u2028\ufffe\U0001ffff]")

func TestHostileTextIsShownAsTextInEveryFormat(t *testing.T) {
	for what, poison := range hostile {
		for name, write := range formats {
			one := poisoned(poison)
			if name == "JSON" {
				one.Rerun = report.Rerun{} // argument lists stay as they are, for programs
			}
			worker := one
			worker.Role = spec.RoleWorker // which has clauses
			text := written(t, write, one, worker)
			require.True(t, utf8.Valid(text), "%s in %s", what, name)
			if at := unfit.FindIndex(text); at != nil {
				require.Fail(t, "a character that no reader sees", "%s in %s: %q", what, name, text[max(at[0]-20, 0):at[1]])
			}
			require.Less(t, len(text), 2<<20, "%s in %s", what, name)
		}
	}
}

func TestHostileTextBreaksOutOfNothing(t *testing.T) {
	for what, poison := range hostile {
		run := poisoned(poison)
		run.Role, run.Asked.Framings = spec.RoleWorker, []spec.Framing{spec.Basic}
		sound(t, what, written(t, report.HTML, run, run))

		j := readJUnit(t, run)
		require.Equal(t, len(run.Results)+unexplained(run)+1, len(j.Suites[0].Cases), "%s: cases, clauses, and one wrong line", what)

		for n := range rendered(t, written(t, report.Markdown, run)).Descendants() {
			if n.Type == html.ElementNode {
				require.Contains(t, inMarkdown, n.DataAtom, "%s: %s", what, n.Data)
			}
		}

		run.Spec = spec.Version
		run.Results = append(run.Results[:5:5], run.Results[6:]...) // a status that is none is refused
		for i := range run.Results {
			run.Results[i].Timeline[0].Framing = spec.Basic
		}
		text := written(t, report.JSON, run)
		valid(t, text)
		back, err := report.Read(strings.NewReader(string(text)))
		require.NoError(t, err, what)
		require.Equal(t, string(text), string(written(t, report.JSON, back...)), what)
	}
}

func unexplained(run report.Run) int {
	n := 0
	for _, c := range run.Clauses() {
		if c.State == report.StateNotRun && c.Level == spec.Must {
			n++
		}
	}
	return n
}

var inMarkdown = []atom.Atom{
	atom.Html, atom.Head, atom.Body, atom.H3, atom.P, atom.Ul, atom.Li, atom.Strong, atom.Code, atom.Pre, atom.Em,
	atom.Details, atom.Summary, atom.Table, atom.Thead, atom.Tbody, atom.Tr, atom.Th, atom.Td,
}
