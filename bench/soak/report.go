package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// report is what came of a soak.
type report struct {
	settings
	took        time.Duration
	interrupted bool
	calls       []*calls
	cycles      *cycles
	left        []remains
	wrong       *wrongs
}

// How a soak ends that is not green.
var (
	errWrong       = errors.New("something is wrong")
	errNotEnough   = errors.New("not enough")
	errInterrupted = errors.New("it was interrupted")
)

func (r *report) made() (n int64) {
	for _, c := range r.calls {
		n += c.made()
	}
	return n
}

// verdict is nil if nothing is wrong and enough was done to say so.
func (r *report) verdict() error {
	switch n, cycles := r.made(), r.cycles.made(); {
	case r.wrong.all() > 0:
		return fmt.Errorf("%w: %d findings, see above; the plan again: make soak FOR=%v SEED=%d", errWrong, r.wrong.all(), r.duration, r.seed)
	case r.interrupted:
		return errInterrupted
	case n < int64(r.enoughCalls) || cycles < r.enoughCycles:
		return fmt.Errorf("%w: %d calls and %d starts and stops, of %d and %d at least: give it longer, make soak FOR=%v",
			errNotEnough, n, cycles, r.enoughCalls, r.enoughCycles, r.longer())
	case r.thin() != nil:
		return fmt.Errorf("%w: %d calls of %s are less than a tenth of a fair share: give it longer, make soak FOR=%v",
			errNotEnough, r.thin().made(), r.thin().kind, r.longer())
	}
	return nil
}

// longer is a time that would be enough at the pace of this run, and half as much again.
func (r *report) longer() time.Duration {
	pace := min(float64(r.made())/float64(r.enoughCalls), float64(r.cycles.made())/float64(r.enoughCycles), 1)
	return time.Duration(float64(r.duration) * 1.5 / max(pace, 0.001)).Round(time.Second)
}

// thin is a kind of worker that was hardly called.
func (r *report) thin() *calls {
	for _, c := range r.calls {
		if c.made() < int64(r.enoughCalls/len(r.kinds)/10) {
			return c
		}
	}
	return nil
}

// print writes one line a figure.
func (r *report) print(to io.Writer) error {
	p := &printer{to: to}
	p.line("soak", "time", "%v", r.took.Round(time.Second))
	p.line("soak", "seed", "%d", r.seed)
	for _, c := range r.calls {
		c.print(p)
	}
	r.cycles.print(p)
	p.line("soak", "calls", "%d", r.made())
	p.line("soak", "starts and stops", "%d", r.cycles.made())
	r.wrong.print(p)
	verdict := "nothing wrong"
	if err := r.verdict(); err != nil {
		verdict = err.Error()
	}
	p.line("soak", "verdict", "%s", verdict)
	return p.err
}

func (c *calls) print(p *printer) {
	part := c.kind.String()
	p.line(part, "calls", "%d", c.made())
	p.line(part, "answered", "%d", c.ended[answered].Load())
	p.line(part, "refused by workers", "%d", c.ended[refused].Load())
	p.line(part, "ended that may have run", "%d", c.ended[mayHaveRun].Load())
	p.line(part, "ended unsent", "%d", c.ended[unsent].Load())
	p.line(part, "callers that left", "%d", c.left.Load())
	p.line(part, "workers killed", "%d", c.killed.Load())
	p.line(part, "stopped and continued", "%d", c.stopped.Load())
	p.line(part, "asked for garbage", "%d", c.spoilt[0].Load())
	p.line(part, "asked for half a frame", "%d", c.spoilt[1].Load())
	c.latencies.print(p, part, "p50 of an answer", 0.5)
	c.latencies.print(p, part, "p99 of an answer", 0.99)
	c.heap.print(p, part, "memory of the pool's side")
	c.elder.print(p, part, fmt.Sprintf("memory of the first worker (%d processes)", c.elders.Load()))
}

func (c *cycles) print(p *printer) {
	p.line("starts and stops", "started", "%d", c.started.Load())
	p.line("starts and stops", "failed, as they should", "%d", c.failed.Load())
	c.times.print(p, "starts and stops", "p50 of a start", 0.5)
	c.times.print(p, "starts and stops", "p90 of a start", 0.9)
}

func (w *wrongs) print(p *printer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range everyWrong {
		p.line("wrong", kind, "%d", w.count[kind])
		for _, example := range w.first[kind] {
			p.line("wrong", "", "%s", strings.ReplaceAll(example, "\n", "\n    "))
		}
	}
}

func (l *latencies) print(p *printer, part, figure string, q float64) {
	first, last := l.quantile(0, q), l.quantile(tenths-1, q)
	if first == 0 || last == 0 {
		p.line(part, figure, "%v", l.quantile(-1, q).Round(time.Microsecond))
		return
	}
	p.line(part, figure, "%v, first tenth %v, last %v, %s", l.quantile(-1, q).Round(time.Microsecond),
		first.Round(time.Microsecond), last.Round(time.Microsecond), change(float64(first), float64(last)))
}

func (l *level) print(p *printer, part, figure string) {
	first, some := l.median(0)
	last, more := l.median(tenths - 1)
	if !some || !more {
		p.line(part, figure, "not known: too short to be looked at twice")
		return
	}
	p.line(part, figure, "first tenth %.1f MB, last %.1f MB, %s", first/1e6, last/1e6, change(first, last))
}

// change is the drift from the first tenth to the last.
func change(first, last float64) string { return fmt.Sprintf("%+.0f %%", 100*(last/first-1)) }

type printer struct {
	to  io.Writer
	err error
}

func (p *printer) line(part, figure, format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, "%-18s %-42s %s\n", part, figure, fmt.Sprintf(format, args...))
	}
}
