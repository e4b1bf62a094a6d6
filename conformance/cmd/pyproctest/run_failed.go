package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// restrict makes the run one of the cases that failed in the report of --failed. With --watch it returns these cases instead,
// to come first.
func (r *runFlags) restrict() (first []string, err error) {
	if r.failed == "" {
		return nil, nil
	}
	opts, err := r.options() // which checks the other flags
	if err != nil {
		return nil, err
	}
	runs, err := readRuns(r.failed)
	if err != nil {
		return nil, fmt.Errorf("--failed: %w", err)
	}
	runs = slices.DeleteFunc(runs, func(run report.Run) bool { return run.Role != r.role() })
	if len(runs) == 0 {
		return nil, fmt.Errorf("--failed %s: it has no run of a %s: give what pyproctest run --%[2]s --report FILE.json wrote", r.failed, r.role())
	}
	var failed []string
	for _, run := range runs {
		if run.SetUp != "" {
			r.notes = append(r.notes, fmt.Sprintf("nothing could be run in %s, so all is run", r.failed))
			return nil, nil
		}
		failed = append(failed, run.Failed()...)
	}
	if len(failed) == 0 {
		r.notes = append(r.notes, fmt.Sprintf("no case failed in %s, so all are run", r.failed))
		return nil, nil
	}
	selected, err := catalog.Selected(r.role(), opts...)
	if err != nil {
		return nil, err
	}
	failed = slices.DeleteFunc(failed, func(id string) bool { return !slices.Contains(selected, id) })
	switch {
	case len(failed) == 0:
		return nil, fmt.Errorf("--failed %s: --clause, --exclude, --framing and --shard leave out every case that failed there", r.failed)
	case r.watching:
		return failed, nil
	}
	r.onlyCases = failed
	r.notes = append(r.notes, fmt.Sprintf("this was run: %s that failed in %s", text.Plural(len(failed), "case"), r.failed))
	return nil, nil
}

// firstCases are the cases that failed before and come first in the next run.
type firstCases struct {
	ids     []string
	changed time.Time // when the file was saved that began the run; zero if none did
	ended   []result.Result
}

// options returns the options by which the cases come first, and by which it is told at once how they ended.
func (f *firstCases) options(w watcher) []conformance.Option {
	if f == nil || len(f.ids) == 0 {
		return nil
	}
	run := func(ids []string) { // in the first turn of --repeat
		f.ids = slices.DeleteFunc(f.ids, func(id string) bool { return !slices.Contains(ids, id) })
	}
	return []conformance.Option{conformance.First(f.ids...), conformance.OnStart(run), conformance.OnResult(func(r result.Result) {
		if slices.Contains(f.ids, r.ID) {
			if f.ended = append(f.ended, r); len(f.ended) == len(f.ids) {
				w.say(f.outcome())
			}
		}
	})}
}

// outcome says in one line how the cases ended.
func (f *firstCases) outcome() string {
	var failing []string
	for _, r := range f.ended {
		if r.Status != result.StatusPass {
			failing = append(failing, r.ID)
		}
	}
	line := clock() + "  "
	held := len(f.ids) - len(failing)
	switch {
	case len(failing) == 0 && len(f.ids) == 1:
		line += "the case that failed holds now"
	case len(failing) == 0:
		line += fmt.Sprintf("all %d cases that failed hold now", len(f.ids))
	default:
		slices.Sort(failing)
		names := strings.Join(failing[:min(len(failing), 3)], ", ")
		if len(failing) > 3 {
			names += ", …"
		}
		line += fmt.Sprintf("%d of %s that failed hold now; not %s", held, text.Plural(len(f.ids), "case"), names)
	}
	if !f.changed.IsZero() {
		line += fmt.Sprintf(" (%.1f s after the change)", time.Since(f.changed).Seconds())
	}
	return line
}

// clock returns the time of day, for the lines between the runs of --watch.
func clock() string { return time.Now().Format(time.TimeOnly) }

// exists reports whether there is such a file or folder.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
