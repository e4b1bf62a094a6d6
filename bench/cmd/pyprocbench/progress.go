package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress tells how far a measurement is and how long it will still take: on a terminal in one line
// that changes, elsewhere in a line each round.
type progress struct {
	to       io.Writer
	terminal bool
	rounds   int
	versions int
	jobs     []job
	took     map[string]time.Duration // the last time of each job
	done     int
	told     int // the last round that a line told of
}

func newProgress(to io.Writer, fd int, m *measurement) *progress {
	return &progress{
		to: to, terminal: term.IsTerminal(fd), rounds: m.rounds, versions: len(m.versions), jobs: m.jobs,
		took: map[string]time.Duration{}, told: -1,
	}
}

// begin tells of a job that begins, and returns what to call when it has ended.
func (p *progress) begin(round int, j job, v *version) (ended func()) {
	left := p.left().Round(time.Second)
	switch {
	case p.terminal:
		bar := 0
		if all := p.rounds * p.versions * len(p.jobs); all > 0 {
			bar = 20 * p.done / all
		}
		_, _ = fmt.Fprintf(p.to, "\r\x1b[K%s%s round %d/%d  %s left  %s, %s %s", strings.Repeat("█", bar), strings.Repeat("░", 20-bar),
			round+1, p.rounds, left, j.what, j.placement, v.name)
	case round != p.told:
		p.told = round
		_, _ = fmt.Fprintf(p.to, "round %d of %d, %s left\n", round+1, p.rounds, left)
	}
	start := time.Now()
	return func() {
		p.took[key(j)] = time.Since(start)
		p.done++
		if p.terminal && p.done == p.rounds*p.versions*len(p.jobs) {
			_, _ = fmt.Fprint(p.to, "\r\x1b[K")
		}
	}
}

func key(j job) string { return j.what + string(j.placement) }

// left estimates by what each job took last, or is guessed to take.
func (p *progress) left() time.Duration {
	var round time.Duration
	for _, j := range p.jobs {
		if took, ok := p.took[key(j)]; ok {
			round += took
		} else {
			round += j.guess
		}
	}
	all := p.rounds * len(p.jobs) * p.versions
	return round * time.Duration(p.versions*p.rounds) * time.Duration(all-p.done) / time.Duration(max(all, 1))
}
