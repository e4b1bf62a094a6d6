package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// terminal reports whether w is a terminal that can redraw a line.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// line is a line on a terminal that shows the progress of the run. It names the case that has run longest, so that a case
// that hangs is visible.
type line struct {
	screen *os.File
	began  time.Time
	over   chan struct{}
	ticks  sync.WaitGroup

	mu      sync.Mutex
	what    string // until the cases begin
	turns   int    // how often each case runs
	total   int
	done    int
	failed  int
	known   int        // failed as the known-failing list says
	list    known.List // that excuses failures
	running []string   // in the order in which the cases began
}

func newLine(screen *os.File, s *subject, turns int, list known.List) *line {
	l := &line{screen: screen, began: time.Now(), over: make(chan struct{}), what: "starting " + s.name, turns: turns, list: list}
	l.ticks.Go(l.tick)
	return l
}

// tick draws the line again at intervals, since it shows the time.
func (l *line) tick() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		l.mu.Lock()
		l.drawLocked()
		l.mu.Unlock()
		select {
		case <-tick.C:
		case <-l.over:
			return
		}
	}
}

// clearLine moves to the beginning of the line and clears it.
const clearLine = "\r\x1b[K"

func (l *line) drawLocked() {
	state := l.stateLocked()
	if width, _, err := term.GetSize(int(l.screen.Fd())); err == nil && width > 0 {
		state = text.Clip(state, max(1, width-1))
	}
	fmt.Fprint(l.screen, clearLine+state)
}

func (l *line) stateLocked() string {
	elapsed := time.Since(l.began).Truncate(time.Second)
	if l.total == 0 {
		return fmt.Sprintf("%s … %v", l.what, elapsed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s, ", l.done, text.Plural(l.total, "case"))
	if l.failed > 0 {
		fmt.Fprintf(&b, "%d failed, ", l.failed)
	}
	if l.known > 0 {
		fmt.Fprintf(&b, "%d known failing, ", l.known)
	}
	fmt.Fprintf(&b, "%v", elapsed)
	if len(l.running) > 0 {
		fmt.Fprintf(&b, ": %s", l.running[0])
	}
	return b.String()
}

func (l *line) start(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total = len(ids) * l.turns
}

func (l *line) begin(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = append(l.running, id)
	l.drawLocked()
}

func (l *line) result(r result.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.running, r.ID); i >= 0 {
		l.running = slices.Delete(l.running, i, i+1)
	}
	l.done++
	if r.Status == result.StatusFail || r.Status == result.StatusBlocked {
		if slices.ContainsFunc(l.list.Entries, func(e known.Entry) bool { return result.Match(e.Pattern, r.ID) }) {
			l.known++
		} else {
			l.failed++
		}
	}
	l.drawLocked()
}

// aside clears the line, calls f, which may write to the same terminal, and draws the line again.
func (l *line) aside(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprint(l.screen, clearLine)
	f()
	l.drawLocked()
}

// clear removes the line.
func (l *line) clear() {
	close(l.over)
	l.ticks.Wait()
	fmt.Fprint(l.screen, clearLine)
}
