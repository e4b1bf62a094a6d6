package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/mattn/go-shellwords"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// subject is the implementation that is tested.
type subject struct {
	ctx     context.Context
	name    string
	command conformance.WorkerCommand
	role    spec.Role
	adapter *adapter.Adapter // nil for a worker, which is reached over its socket
}

// defaultParallel keeps the processors busy though most cases wait most of the time.
func defaultParallel() int { return 4 * runtime.GOMAXPROCS(0) }

func (r *runFlags) subject(ctx context.Context) *subject {
	s := &subject{ctx: ctx, name: r.name, role: r.role()}
	if s.name == "" {
		s.name = r.command()
	}
	return s
}

// open makes the implementation ready: a framer and a pool by starting their adapter.
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
	s.adapter, err = adapter.Open(s.ctx, s.role, s.command, adapter.Options{Timeout: 2 * r.patience, Processes: r.parallel})
	if err != nil {
		return err
	}
	s.ctx = s.adapter.Context()
	if r.name == "" {
		s.name = s.adapter.Name()
	}
	return nil
}

// notStarted is the report where there was nothing to run cases against.
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

// close ends the processes. It returns the fault for which the adapter became unusable in the middle of the
// run, if it did.
func (s *subject) close() error {
	if s.adapter == nil {
		return nil
	}
	return s.adapter.Close()
}

// notes are what a reader may want to know beside the results.
func (s *subject) notes() []string {
	if s.adapter == nil {
		return nil
	}
	if text := s.adapter.Stderr(); text != "" {
		return []string{"the adapter wrote to standard error:\n" + text}
	}
	return nil
}
