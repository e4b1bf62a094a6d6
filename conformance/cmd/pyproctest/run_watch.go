package main

import (
	"fmt"
	"io"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/report"
)

// watcher shows the progress and the end of a run.
type watcher interface {
	options() []conformance.Option
	// say shows a line while cases run. Events have no such lines.
	say(line string)
	// end is called when all cases have ended.
	end()
	// finish is called with the whole run, after end.
	finish(run report.Run, status int) error
}

// watch returns the watcher that the flags ask for: JSON events, or text. On a terminal the text comes with progress.
func (o *oneRun) watch(s *subject) watcher {
	if o.json {
		return newEvents(o.stdout, s, o.repeat)
	}
	q := quiet{o.stdout, o.verbose}
	if screen, ok := terminal(o.stderr); ok {
		return &onScreen{quiet: q, line: newLine(screen, s, o.repeat, o.list)}
	}
	return q
}

// quiet writes nothing before the end.
type quiet struct {
	stdout  io.Writer
	verbose bool
}

func (quiet) options() []conformance.Option { return nil }

func (q quiet) say(line string) { fmt.Fprintln(q.stdout, line) }

func (quiet) end() {}

func (q quiet) finish(run report.Run, _ int) error {
	if q.verbose {
		return report.Text(q.stdout, run)
	}
	return report.Brief(q.stdout, run)
}

// onScreen also shows a line of progress before the end.
type onScreen struct {
	quiet
	line *line
}

func (o *onScreen) options() []conformance.Option {
	return []conformance.Option{
		conformance.OnStart(o.line.start), conformance.OnCase(o.line.begin), conformance.OnResult(o.line.result),
	}
}

func (o *onScreen) say(line string) { o.line.aside(func() { o.quiet.say(line) }) }

func (o *onScreen) end() { o.line.clear() }
