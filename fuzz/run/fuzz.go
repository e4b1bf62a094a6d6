package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// grace is how long a process may take beyond its time, to begin, to make a failing input small
	// and to end.
	grace = time.Minute

	// replays is how often an input that made a target fail is tried again.
	replays = 3
)

// fuzz fuzzes the target, and runs what it finds once more.
func (t *target) fuzz(ctx context.Context, o options, limit time.Duration) outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, limit+grace, fmt.Errorf("it did not end %v after its time", grace))
	defer cancel()
	output, err := t.test(ctx, o, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+limit.String(),
		// Without it Go may spend the whole time on making one input smaller.
		"-test.fuzzminimizetime=20x",
		"-test.fuzzcachedir="+t.cache, fmt.Sprintf("-test.parallel=%d", o.parallel))
	r := judge(output, err != nil)
	if err != nil && ctx.Err() != nil && r.verdict != suspects {
		return outcome{execs: r.execs, verdict: notARun, evidence: output + "\n" + context.Cause(ctx).Error()}
	}
	if r.verdict == suspects {
		t.replay(ctx, o, &r)
	}
	return r
}

// replay tells a finding from noise. A run that is out of time is a finding only where all are: a machine may be too
// slow for one, an input that hangs does so each time.
func (t *target) replay(ctx context.Context, o options, r *outcome) {
	slow := 0
	for range replays {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.replay)
		output, err := t.test(limited, o, "-test.run=^"+t.name+"$/^"+r.input+"$")
		isSlow := limited.Err() != nil
		cancel()
		if err == nil {
			continue
		}
		if isSlow {
			output = fmt.Sprintf("it did not end within %v\n%s", o.replay, output)
			slow++
		}
		if !isSlow || slow == replays {
			r.verdict, r.evidence = finding, output
			return
		}
	}
	r.verdict = noise
	r.evidence = fmt.Sprintf("the input %s, which did not fail in %d more runs", r.input, replays)
	if slow > 0 {
		r.evidence += fmt.Sprintf(" (%d of them took over %v)", slow, o.replay)
	}
}

// test runs the test binary in the folder of its package, and returns what it prints.
func (t *target) test(ctx context.Context, o options, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.binary, args...)
	cmd.Dir = t.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // which go's fuzzing takes for a wish to end
	cmd.WaitDelay = 10 * time.Second
	out := &watched{enough: func(execs int64) bool { return o.execs > 0 && execs >= o.execs }}
	out.stop = func() { _ = cmd.Cancel() }
	if o.verbose {
		out.to = o.out
	}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return out.String(), err
}

// watched keeps what a fuzzing process prints, and stops it once it has executed enough.
type watched struct {
	enough func(execs int64) bool
	stop   func()
	to     io.Writer

	mu      sync.Mutex
	all     bytes.Buffer
	stopped bool
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(b)
	if w.to != nil {
		_, _ = w.to.Write(b) // what is shown is no part of the verdict
	}
	if !w.stopped && strings.Contains(string(b), "execs: ") && w.enough(judge(w.all.String(), false).execs) {
		w.stopped = true
		w.stop()
	}
	return len(b), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}
