package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// History is the runs of each implementation in the order of their time.
type History struct {
	Subjects []SubjectHistory
	// LeftOut says which files could not be read as reports, and why.
	LeftOut []string
}

// SubjectHistory is the runs of one implementation in one role, the oldest first.
type SubjectHistory struct {
	Role spec.Role
	Name string
	Runs []PastRun
}

// PastRun is one run of a history.
type PastRun struct {
	Run
	File string // that it was read from
	// Since is what changed since the run before; nil for the first.
	Since *Comparison
}

// ErrNoHistory is wrapped by the error of [ReadHistory] for a folder without reports.
var ErrNoHistory = errors.New("there is no report")

// ReadHistory reads all JSON reports in the folder and the folders in it. The parts of a sharded run that are in one folder
// become one run, and a run that is in several files counts once. A file that is not a report is left out, and History says so.
func ReadHistory(folder string) (History, error) {
	var h History
	var runs []PastRun
	byFolder := map[string][]PastRun{} // parts of sharded runs
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || strings.ToLower(filepath.Ext(path)) != ".json" || strings.HasSuffix(path, ".badge.json") {
			return nil
		}
		name := path
		if rel, err := filepath.Rel(folder, path); err == nil {
			name = rel
		}
		some, err := readFile(path)
		if err != nil {
			h.LeftOut = append(h.LeftOut, fmt.Sprintf("%s: %v", name, err))
			return nil
		}
		for _, r := range some {
			if past := (PastRun{Run: r, File: name}); r.Asked.Shards > 1 {
				byFolder[filepath.Dir(path)] = append(byFolder[filepath.Dir(path)], past)
			} else {
				runs = append(runs, past)
			}
		}
		return nil
	})
	if err != nil {
		return History{}, fmt.Errorf("the history cannot be read: %w", err)
	}
	for dir, parts := range byFolder {
		var some []Run
		for _, p := range parts {
			some = append(some, p.Run)
		}
		merged, err := Merge(some...)
		if err != nil {
			h.LeftOut = append(h.LeftOut, fmt.Sprintf("%s: %v", filepath.Dir(parts[0].File), err))
			continue
		}
		for _, r := range merged {
			runs = append(runs, PastRun{Run: r, File: cmp.Or(relative(folder, dir), ".")})
		}
	}
	slices.Sort(h.LeftOut)
	if len(runs) == 0 {
		return History{}, fmt.Errorf("%w in %s: give a folder with what pyproctest run --report FILE.json wrote%s", ErrNoHistory, folder, because(h.LeftOut))
	}
	h.add(runs)
	return h, nil
}

func relative(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil {
		return rel
	}
	return path
}

func because(leftOut []string) string {
	if len(leftOut) == 0 {
		return ""
	}
	return "; " + leftOut[0]
}

func readFile(path string) ([]Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return Read(f)
}

// add sorts the runs by subject and time, and compares each with the one before.
func (h *History) add(runs []PastRun) {
	slices.SortStableFunc(runs, func(a, b PastRun) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.name(), b.name()), a.Started.Compare(b.Started), cmp.Compare(a.File, b.File))
	})
	for _, r := range runs {
		r.Run = r.presentable()
		r.File = cleanLine(r.File)
		if n := len(h.Subjects); n == 0 || h.Subjects[n-1].Name != r.name() {
			h.Subjects = append(h.Subjects, SubjectHistory{Role: r.Role, Name: r.name()})
		}
		s := &h.Subjects[len(h.Subjects)-1]
		if n := len(s.Runs); n > 0 {
			last := s.Runs[n-1]
			if last.Started.Equal(r.Started) && last.Elapsed == r.Elapsed && len(last.Results) == len(r.Results) {
				continue // the same run once more
			}
			c := compare(last.Run, r.Run)
			r.Since = &c
		}
		s.Runs = append(s.Runs, r)
	}
	for i := range h.LeftOut {
		h.LeftOut[i] = clipLine(h.LeftOut[i], lineKept)
	}
}

// summary says since when the verdict, which stands before it, is what it is.
func (s SubjectHistory) summary() string {
	last := s.Runs[len(s.Runs)-1]
	n := 1
	for n < len(s.Runs) && s.Runs[len(s.Runs)-1-n].Verdict() == last.Verdict() {
		n++
	}
	switch since := s.Runs[len(s.Runs)-n]; {
	case len(s.Runs) == 1:
		return "There is one run."
	case n == len(s.Runs):
		return fmt.Sprintf("So it was in all %d runs.", n)
	case n == 1:
		return fmt.Sprintf("So it is in the last of %d runs; the one before: %s.", len(s.Runs), s.Runs[len(s.Runs)-2].title())
	default:
		return fmt.Sprintf("So it is in the last %d of %d runs, since %s.", n, len(s.Runs), since.date())
	}
}

// Fickle is a case that did not have the same outcome in all runs of a history.
type Fickle struct {
	ID       string
	Clauses  string    // by which the page finds the case
	Outcomes []Outcome // one for each run that is shown, the oldest first
	Held     int
	Ran      int
	Turns    int // how often the outcome changed from one run to the next
	LastBad  time.Time
}

// Outcome is how a case ended in one run.
type Outcome struct {
	Word   string // "not run" where the run does not have it
	States string // by which the page finds it
	Mark   string
	Tone   tone
}

// How much of a history the page shows of each implementation.
const (
	runsInHistory   = 100
	marksInHistory  = 30
	fickleInHistory = 100
)

// fickle returns the cases that held in some of the last runs and not in all, first those whose outcome changed most often.
func (s SubjectHistory) fickle() []Fickle {
	runs := s.Runs[max(0, len(s.Runs)-marksInHistory):]
	found := map[string]*Fickle{}
	var ids []string
	for i, r := range runs {
		words := r.words()
		for _, res := range r.Results {
			f := found[res.ID]
			if f == nil {
				f = &Fickle{ID: res.ID, Clauses: clauseList(res), Outcomes: make([]Outcome, len(runs))}
				found[res.ID] = f
				ids = append(ids, res.ID)
			}
			f.Outcomes[i] = Outcome{Word: words[res.ID], States: caseStates(res, words[res.ID]), Mark: "✗", Tone: bad}
			f.Ran++
			switch {
			case res.Status == result.StatusPass:
				f.Outcomes[i].Mark, f.Outcomes[i].Tone = "✓", good
				f.Held++
			case res.Flaky():
				f.Outcomes[i].Mark, f.Outcomes[i].Tone = "~", warn
			}
			if res.Status != result.StatusPass && r.Started.After(f.LastBad) {
				f.LastBad = r.Started
			}
		}
	}
	var all []Fickle
	for _, id := range ids {
		f := found[id]
		last := ""
		flaky := false
		for i, o := range f.Outcomes {
			if o.Word == "" {
				f.Outcomes[i] = Outcome{Word: "not run", States: "not run", Mark: "·", Tone: neutral}
				continue
			}
			flaky = flaky || o.Mark == "~"
			if last != "" && last != o.Mark {
				f.Turns++
			}
			last = o.Mark
		}
		if f.Held > 0 && f.Held < f.Ran || flaky {
			all = append(all, *f)
		}
	}
	slices.SortStableFunc(all, func(a, b Fickle) int {
		return cmp.Or(cmp.Compare(b.Turns, a.Turns), b.LastBad.Compare(a.LastBad), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// changed says what changed since the run before.
func (r PastRun) changed() string {
	if r.Since == nil {
		return ""
	}
	var parts []string
	for _, l := range []struct {
		what  string
		cases []Change
	}{{"broke", r.Since.Broke}, {"mended", r.Since.Mended}} {
		if len(l.cases) == 0 {
			continue
		}
		var names []string
		for i, c := range l.cases {
			if i == sameNamed {
				names = append(names, fmt.Sprintf("and %d more", len(l.cases)-i))
				break
			}
			names = append(names, c.ID)
		}
		parts = append(parts, l.what+" "+strings.Join(names, ", "))
	}
	if !reflect.DeepEqual(r.Asked, r.Since.Old.Asked) {
		return strings.Join(append(parts, "another selection of cases"), "; ")
	}
	for _, n := range []struct {
		what  string
		cases []Change
	}{{"new", r.Since.Added}, {"not run any more", r.Since.Gone}} {
		if len(n.cases) > 0 {
			parts = append(parts, text.Plural(len(n.cases), "case")+" "+n.what)
		}
	}
	return strings.Join(parts, "; ")
}

// WriteHistory writes a history in the format that the extension of the file names: .html or .txt.
func WriteHistory(path string, h History) error {
	return writeAs(path, historyFormats, "a history", func(write func(io.Writer, History) error, w io.Writer) error { return write(w, h) })
}

var historyFormats = map[string]func(io.Writer, History) error{".html": HistoryHTML, ".htm": HistoryHTML, ".txt": HistoryText}

// CheckHistoryPath returns an error if [WriteHistory] does not know the extension.
func CheckHistoryPath(path string) error {
	_, err := formatOf(path, historyFormats, "a history")
	return err
}

// HistoryText writes a history for a terminal, the newest run of each implementation first.
func HistoryText(w io.Writer, h History) error {
	var b strings.Builder
	for _, s := range h.Subjects {
		fmt.Fprintf(&b, "%s: %s\n  %s. %s\n\n", s.Name, text.Plural(len(s.Runs), "run"), capital(s.Runs[len(s.Runs)-1].title()), s.summary())
		for i, r := range slices.Backward(s.Runs) {
			if len(s.Runs)-i > runsInHistory {
				fmt.Fprintf(&b, "  … and %d older ones\n", i+1)
				break
			}
			must := r.Count(spec.Must)
			fmt.Fprintf(&b, "  %-20s  %-32s  %d of %d MUST, %s, %s\n", r.date(), r.title(), must.Hold, must.All(), text.Plural(len(r.Failed()), "failed case"), took(r.Elapsed))
			if changed := r.changed(); changed != "" {
				fmt.Fprintf(&b, "      %s\n", clipLine(changed, lineKept))
			}
		}
		if fickle := s.fickle(); len(fickle) > 0 {
			b.WriteString("\n  held in some of these runs only:\n")
			for i, f := range fickle {
				if i == fickleInHistory {
					fmt.Fprintf(&b, "  … and %d more\n", len(fickle)-i)
					break
				}
				fmt.Fprintf(&b, "  %s  %s: %d of %d\n", f.marks(), f.ID, f.Held, f.Ran)
			}
		}
		b.WriteString("\n")
	}
	for _, why := range h.LeftOut {
		fmt.Fprintf(&b, "left out: %s\n", why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f Fickle) marks() string {
	var b strings.Builder
	for _, o := range f.Outcomes {
		b.WriteString(o.Mark)
	}
	return b.String()
}
