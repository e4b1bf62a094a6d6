package main

import (
	"io"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/report"
)

// watcher tells how a run goes on, and how it ended.
type watcher interface {
	options() []conformance.Option
	// end is called when no case runs any more.
	end()
	tell(run report.Run, status int) error
}

// watch chooses how to tell of the run: as JSON events, or as text, with progress where a person looks on.
func (r *runFlags) watch(stdout, stderr io.Writer, s *subject) watcher {
	if r.json {
		return newEvents(stdout, s)
	}
	if screen, ok := terminal(stderr); ok {
		return &onScreen{quiet: quiet{stdout}, line: newLine(screen, s)}
	}
	return quiet{stdout}
}

// quiet says nothing before the end.
type quiet struct{ stdout io.Writer }

func (quiet) options() []conformance.Option { return nil }

func (quiet) end() {}

func (q quiet) tell(run report.Run, _ int) error { return report.Text(q.stdout, run) }

// onScreen has a line of progress in front of that.
type onScreen struct {
	quiet
	line *line
}

func (o *onScreen) options() []conformance.Option {
	return []conformance.Option{
		conformance.OnStart(o.line.start), conformance.OnCase(o.line.begin), conformance.OnResult(o.line.result),
	}
}

func (o *onScreen) end() { o.line.clear() }
