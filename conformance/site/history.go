package main

import (
	"fmt"
	"html/template"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A baseline is what one machine measured, at one time or several: the newest first.
type baseline struct {
	Machine string
	Facts   []fact // of the newest
	Dates   []string
	Rows    []benchmark
	Chart   string // its file, beside the text; empty if there is none
}

type fact struct{ Name, Value string }

// A benchmark is one row: the median of its ratio to its floor, for each date.
type benchmark struct {
	Name   string
	About  string
	Ratios []float64 // 0 where it was not measured
}

// shown are the rows of the page, and what they mean to somebody who has not read bench/README.md.
var shown = []benchmark{
	{Name: "Framing/op=encode/framing=enhanced/size=64B", About: "encode a frame of 64 bytes"},
	{Name: "Framing/op=encode/framing=enhanced/size=64KB", About: "encode a frame of 64 KB"},
	{Name: "Framing/op=decode/framing=enhanced/size=64B", About: "decode a frame of 64 bytes"},
	{Name: "Framing/op=decode/framing=enhanced/size=64KB", About: "decode a frame of 64 KB"},
	{Name: "Calls/side=pool/framing=enhanced/workers=1/size=64B/callers=1", About: "one caller, one worker, 64 bytes"},
	{Name: "Calls/side=pool/framing=enhanced/workers=1/size=64B/callers=16", About: "16 callers, one worker, 64 bytes"},
	{Name: "Calls/side=pool/framing=enhanced/workers=1/size=10KB/callers=1", About: "one caller, one worker, 10 KB"},
	{Name: "Calls/side=pool/framing=enhanced/workers=1/size=1MB/callers=1", About: "one caller, one worker, 1 MB"},
	{Name: "Calls/side=pyproc-worker/framing=own/workers=1/size=64B/callers=1", About: "the public pyproc-worker: one caller, 64 bytes"},
	{Name: "Calls/side=grpc/framing=own/workers=1/size=64B/callers=1", About: "gRPC: one caller, 64 bytes"},
	{Name: "Calls/side=zeromq/framing=own/workers=1/size=64B/callers=1", About: "ZeroMQ: one caller, 64 bytes"},
}

// baselines reads bench/baselines with their history. In a copy without git's history only the present state is known.
func baselines(root string) ([]baseline, error) {
	files, err := filepath.Glob(filepath.Join(root, "bench", "baselines", "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []baseline
	for _, file := range files {
		name := filepath.Base(file)
		b := baseline{Machine: strings.TrimSuffix(name, ".txt"), Rows: slices.Clone(shown)}
		if charts, _ := filepath.Glob(strings.TrimSuffix(file, ".txt") + ".svg"); len(charts) == 1 {
			b.Chart = charts[0]
		}
		texts, err := revisions(root, "bench/baselines/"+name)
		if err != nil {
			return nil, err
		}
		for n, r := range texts {
			b.Dates = append(b.Dates, r.date)
			if n == 0 {
				b.Facts = factsOf(r.text)
			}
			for i := range b.Rows {
				b.Rows[i].Ratios = append(b.Rows[i].Ratios, ratio(r.text, b.Rows[i].Name))
			}
		}
		b.Rows = slices.DeleteFunc(b.Rows, func(row benchmark) bool { return row.Ratios[0] == 0 })
		all = append(all, b)
	}
	return all, nil
}

type revision struct{ date, text string }

// revisions returns the texts of a file in all commits that changed it, the newest first.
func revisions(root, file string) ([]revision, error) {
	out, err := exec.Command("git", "-C", root, "log", "--format=%H %ad", "--date=short", "--", file).Output()
	if err != nil {
		return nil, fmt.Errorf("the history of %s is not known, since git log fails: build the site in a clone: %w", file, err)
	}
	var all []revision
	for line := range strings.Lines(string(out)) {
		commit, date, _ := strings.Cut(strings.TrimSpace(line), " ")
		text, err := exec.Command("git", "-C", root, "show", commit+":"+file).Output()
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", file, commit, err)
		}
		all = append(all, revision{date, string(text)})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("git knows no commit of %s", file)
	}
	return all, nil
}

var factLine = regexp.MustCompile(`(?m)^(cpu|cores|kernel|go|python|commit|placement): (.+)$`)

func factsOf(text string) []fact {
	var all []fact
	for _, m := range factLine.FindAllStringSubmatch(text, -1) {
		if m[1] == "placement" || slices.ContainsFunc(all, func(f fact) bool { return f.Name == m[1] }) {
			continue
		}
		all = append(all, fact{m[1], m[2]})
	}
	return all
}

// ratio returns the median of x-floor in the lines of a benchmark, both sides on one core; 0 if there are none.
func ratio(text, name string) float64 {
	var all []float64
	pinned := true
	for line := range strings.Lines(text) {
		if placement, ok := strings.CutPrefix(line, "placement: "); ok {
			pinned = strings.TrimSpace(placement) == "pinned"
		}
		fields := strings.Fields(line)
		if !pinned || len(fields) < 4 || fields[0] != "Benchmark"+name {
			continue
		}
		if at := slices.Index(fields, "x-floor"); at > 0 {
			if x, err := strconv.ParseFloat(fields[at-1], 64); err == nil {
				all = append(all, x)
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// Bar returns a bar as long as the ratio, of at most five.
func (benchmark) Bar(ratio float64) template.HTML {
	const most = 5
	width := 100 * min(ratio, most) / most
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="%.1f" height="8"/><line x1="20" x2="20" y1="0" y2="8"/></svg>`, width))
}
