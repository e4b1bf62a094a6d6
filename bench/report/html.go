package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/pyproctest/pyproctest/bench/chart"
	"github.com/pyproctest/pyproctest/bench/results"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// The colours of words that are no plain text, which need more contrast than the lines of charts.
const (
	lightWords = `--good:#0f6b4d;--bad:#b23a06;--link:#1a5fb0`
	darkWords  = `--good:#3fc795;--bad:#ff8a5c;--link:#7db4f7`
)

// pageData is what the page shows.
type pageData struct {
	Light, Dark, ChartStyle template.CSS
	LightWords, DarkWords   template.CSS
	Title, Role             string
	Runs                    int
	Notes                   []string
	GoalsTitle              string
	Yours                   string
	YoursFails              bool
	Goals                   []shownGoal
	Met, Missed, Unknown    int
	Sections                []section
	Machine                 []setting
}

type section struct {
	ID           string // of its heading
	Title, About string
	Figures      []shownFigure
	Tables       []table
}

type shownFigure struct {
	Title, About string
	Chart        template.HTML
}

type table struct {
	ID    string // within its section
	Title string
	Head  []string
	Lines []line
	Goals bool // some line has
}

type line struct {
	ID    string // within the page
	Cells []string
	Goals []shownGoal // that it tells of

	row Row
}

// shownGoal is a goal with the lines that tell of it, by their IDs.
type shownGoal struct {
	Goal
	ID     string
	Line   string // "" if there is none
	Others []lineLink
}

type lineLink struct{ ID, Name string }

type setting struct{ Key, Value string }

// WriteHTML writes one page that needs nothing else: no script, no font, nothing from elsewhere.
func WriteHTML(to io.Writer, rows Rows, set results.Set) error {
	return writePage(to, rows, set, pageData{Title: "pyproctest benchmarks", Role: "worker", GoalsTitle: "Goals"}, Goals(rows))
}

// writePage writes a page of which the head is given.
func writePage(to io.Writer, rows Rows, set results.Set, data pageData, goals []Goal) error {
	data.Light, data.Dark, data.ChartStyle = chart.LightColors, chart.DarkColors, chart.Style
	data.LightWords, data.DarkWords = lightWords, darkWords
	data.Machine = machineOf(set)
	for _, r := range rows {
		data.Runs = max(data.Runs, r.Runs())
	}
	for _, g := range goals {
		switch g.Verdict() {
		case "met":
			data.Met++
		case "missed":
			data.Missed++
		default:
			data.Unknown++
		}
	}
	for _, s := range data.Machine {
		if s.Key == "yours" {
			data.Yours, data.YoursFails = s.Value, strings.HasPrefix(s.Value, "FAILS")
		}
	}
	add := func(s section) {
		if len(s.Figures)+len(s.Tables) > 0 {
			s.ID = strings.ToLower(strings.Join(strings.FieldsFunc(s.Title, func(r rune) bool { return r == ' ' || r == ',' }), "-"))
			for _, t := range s.Tables {
				for i := range t.Lines {
					t.Lines[i].ID = fmt.Sprintf("%s-%s-%d", s.ID, t.ID, i)
				}
			}
			data.Sections = append(data.Sections, s)
		}
	}
	add(section{
		Title: "Framing", About: "One frame encoded, or decoded from a stream.",
		Figures: shown(framing(rows)), Tables: tables(rows, "", "Framing"),
	})
	for _, placement := range rows.Placements() {
		s := section{Title: "Calls, " + placement, About: placementAbout[placement]}
		s.Figures = append(s.Figures, shown(ratios(rows, placement))...)
		s.Figures = append(s.Figures, shown(throughput(rows, placement))...)
		s.Figures = append(s.Figures, shown(latencies(rows, placement))...)
		if placement != "pinned" { // on one core more workers share what there is
			s.Figures = append(s.Figures, shown(scaling(rows, placement))...)
		}
		s.Tables = tables(rows, placement, "Calls", "Steps", "Start", "Recovery", "Idle")
		add(s)
	}
	add(section{
		Title: "At a rate", About: "Calls come at a rate, whether or not those before have ended, as they do in production. Times are from the moment each was due.",
		Figures: shown(byRate(rows)), Tables: tables(rows, "", "Load"),
	})
	data.link(goals)
	return page.Execute(to, data)
}

// link adds the goals, and leads from each to the lines that tell of it and back.
func (d *pageData) link(goals []Goal) {
	lines := map[string]*line{}
	of := map[string]*table{}
	for _, s := range d.Sections {
		for t := range s.Tables {
			for l := range s.Tables[t].Lines {
				at := &s.Tables[t].Lines[l]
				lines[at.row.id()], of[at.row.id()] = at, &s.Tables[t]
			}
		}
	}
	for i, g := range goals {
		shown := shownGoal{Goal: g, ID: fmt.Sprintf("goal-%d", i)}
		for _, r := range g.Rows {
			at := lines[r.id()]
			switch {
			case at == nil:
				continue
			case shown.Line == "":
				shown.Line = at.ID
			default:
				shown.Others = append(shown.Others, lineLink{at.ID, at.row.shown("side")})
			}
			at.Goals = append(at.Goals, shownGoal{Goal: g, ID: shown.ID})
			of[r.id()].Goals = true
		}
		d.Goals = append(d.Goals, shown)
	}
}

var placementAbout = map[string]string{
	"pinned":   "Both sides on one core: no wake-up crosses cores, and nothing runs side by side. Compare these with each other only.",
	"unpinned": "Both sides wherever the system puts them: a lone call pays for wake-ups across cores, many calls gain from running side by side.",
}

// shown is a figure in a list, or none. Its SVG is made by package chart, which escapes what it is given.
func shown(f figure, ok bool) []shownFigure {
	if !ok {
		return nil
	}
	return []shownFigure{{f.Title, f.About, template.HTML(f.SVG)}} //nolint:gosec // see above
}

func tables(rows Rows, placement string, names ...string) []table {
	var all []table
	for _, name := range names {
		var parts []string
		if placement != "" {
			parts = []string{"placement=" + placement}
		}
		if found := rows.Find(name, parts...); len(found) > 0 {
			head, cells := tableOf(name, found)
			t := table{ID: strings.ToLower(name), Title: name + " in figures", Head: head}
			for i, r := range found {
				t.Lines = append(t.Lines, line{Cells: cells[i], row: r})
			}
			all = append(all, t)
		}
	}
	return all
}

// machineOf are the settings that the results agree on, but for those that name a row.
func machineOf(set results.Set) []setting {
	var all []setting
	if len(set.Results) == 0 {
		return nil
	}
	for _, c := range set.Results[0].Config {
		if c.File && c.Key != "placement" {
			all = append(all, setting{c.Key, string(c.Value)})
		}
	}
	return all
}
