package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-shellwords"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// subject is the implementation under test.
type subject struct {
	ctx     context.Context
	name    string
	command conformance.WorkerCommand
	role    spec.Role
	adapter *adapter.Adapter // nil for a worker, which needs none
}

func (r *runFlags) subject(ctx context.Context) *subject {
	s := &subject{ctx: ctx, name: r.name, role: r.role()}
	if s.name == "" {
		s.name = r.command()
	}
	return s
}

// file returns the first file below the current folder that the command names, the program last; empty if there is none.
func (r *runFlags) file() string {
	words, err := shellwords.Parse(r.command())
	if err != nil || len(words) == 0 {
		return ""
	}
	here, err := os.Getwd()
	if err != nil {
		return ""
	}
	for _, path := range append(words[1:len(words):len(words)], words[0]) {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if whole, err := filepath.Abs(path); err == nil {
			if below, err := filepath.Rel(here, whole); err == nil && filepath.IsLocal(below) {
				return filepath.ToSlash(below)
			}
		}
	}
	return ""
}

// processes returns how many processes an adapter may have: one for each case that may run at once.
func (r *runFlags) processes() int {
	if r.parallelGiven {
		return r.parallel
	}
	return conformance.MostAtOnce()
}

// open prepares the implementation: it starts the adapter of a framer or a pool.
func (s *subject) open(r *runFlags) error {
	words, err := shellwords.Parse(r.command())
	if err != nil {
		return fmt.Errorf("--%s %q cannot be split into words: %w", s.role, r.command(), err)
	}
	if len(words) == 0 {
		return fmt.Errorf("--%s %q: give the command that starts it", s.role, r.command())
	}
	s.command = conformance.Command(words[0], words[1:]...)
	s.command.Grace = r.grace
	if s.role == spec.RoleWorker {
		return nil
	}
	s.adapter, err = adapter.Open(s.ctx, s.role, s.command, adapter.Options{Timeout: 2 * r.patience, Processes: r.processes()})
	if err != nil {
		return err
	}
	s.ctx = s.adapter.Context()
	if r.name == "" {
		s.name = s.adapter.Name()
	}
	return nil
}

// notStarted returns the report of an implementation that could not be opened.
func (s *subject) notStarted(why error) conformance.Report {
	rep := conformance.Report{Role: s.role, Subject: s.name, Spec: spec.Version, Started: time.Now()}
	if s.ctx.Err() != nil {
		rep.Interrupted = true
		rep.NotRun = []string{"the run was ended before the first case"}
		return rep
	}
	rep.SetUp = why.Error()
	return rep
}

// check runs the cases.
func (s *subject) check(opts ...conformance.Option) conformance.Report {
	opts = append(opts, conformance.Subject(s.name))
	switch s.role {
	case spec.RoleFramer:
		return conformance.CheckFramer(s.ctx, s.adapter.Framer(), opts...)
	case spec.RolePool:
		return conformance.CheckPool(s.ctx, s.adapter.Pool(), opts...)
	}
	return conformance.CheckWorker(s.ctx, s.command, opts...)
}

// close ends the adapter. It returns the fault that made the adapter unusable during the run, if there was one.
func (s *subject) close() error {
	if s.adapter == nil {
		return nil
	}
	return s.adapter.Close()
}

// notes returns what a reader may want to know besides the results.
func (s *subject) notes() []string {
	if s.adapter == nil {
		return nil
	}
	if text := s.adapter.Stderr(); text != "" {
		return []string{"the adapter wrote to standard error:\n" + text}
	}
	return nil
}
