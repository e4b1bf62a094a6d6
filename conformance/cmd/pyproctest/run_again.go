package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mattn/go-shellwords"

	"github.com/pyproctest/pyproctest/conformance/report"
)

// runAgain runs the cases, and again each time the implementation's files change, until the context ends. Those of the given
// cases that are not known to hold come first.
func (r *runFlags) runAgain(ctx context.Context, o *oneRun, first []string) error {
	files, err := r.watchedFiles()
	if err != nil {
		return err
	}
	say := func(line string) {
		out := o.stdout
		if r.json {
			out = o.stderr
		}
		fmt.Fprintf(out, "%s  %s\n", clock(), line)
	}
	say("watching " + files.String())
	last := lastResults{}
	for _, id := range first {
		last[id] = false
	}
	var saved change
	for status := statusHolds; ; {
		o.first = &firstCases{ids: last.failing(), changed: saved.at}
		run, ended, cut, next, err := o.untilChanged(ctx, files)
		if err != nil {
			return err
		}
		last.add(run)
		if !cut {
			status = ended
		}
		switch {
		case run.Signalled:
			return &exit{status}
		case !next.found():
			say("waiting for changes; Ctrl-C ends this")
			if next = files.wait(ctx); !next.found() {
				if status != statusHolds {
					return &exit{status}
				}
				return nil
			}
		}
		saved = next
		for _, name := range saved.unruly {
			say(fmt.Sprintf("%s changes with each run, so your implementation seems to write it: it counts only between the runs from now on", name))
		}
		say(saved.String())
	}
}

// untilChanged runs the cases. If files change meanwhile, it returns what has changed, and cut if the run ended early for it.
func (o *oneRun) untilChanged(ctx context.Context, files *watchedFiles) (run report.Run, status int, cut bool, saved change, err error) {
	runCtx, end := context.WithCancelCause(ctx)
	defer end(nil)
	look, stop := context.WithCancel(ctx)
	found := make(chan change, 1)
	go func() {
		c := files.waitBeside(look)
		if c.found() {
			end(errChanged)
		}
		found <- c
	}()
	run, status, err = o.do(runCtx)
	stop()
	saved = <-found
	if errors.Is(err, errChanged) {
		return run, 0, true, saved, nil
	}
	return run, status, false, saved, err
}

// lastResults says of each case that has run whether it held the last time.
type lastResults map[string]bool

// add keeps what a run says of each case. Where nothing could be run, nothing is new.
func (l lastResults) add(run report.Run) {
	if run.SetUp != "" {
		return
	}
	failed := run.Failed()
	for _, r := range run.Results {
		l[r.ID] = !slices.Contains(failed, r.ID)
	}
}

func (l lastResults) failing() []string {
	var ids []string
	for id, held := range l {
		if !held {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// watchedFiles returns the files that --watch looks at.
func (r *runFlags) watchedFiles() (*watchedFiles, error) {
	words, err := shellwords.Parse(r.command())
	if err != nil {
		return nil, fmt.Errorf("--%s %q cannot be split into words: %w", r.role(), r.command(), err)
	}
	w := newWatchedFiles(slices.Concat(r.reports, r.badges))
	for i, word := range words {
		_, value, _ := strings.Cut(word, "=") // of --config=FILE
		for _, path := range []string{word, value} {
			program := i == 0
			if path == "" || program && !strings.ContainsRune(path, filepath.Separator) || !exists(path) {
				continue // a program without a slash is looked up in PATH
			}
			w.add(path, len(r.watchDirs) == 0 && (!program || len(words) == 1))
		}
	}
	for _, folder := range r.watchDirs {
		w.folders = append(w.folders, filepath.Clean(folder))
	}
	if len(w.folders) == 0 {
		w.folders = []string{"."}
	}
	return w, w.start()
}
