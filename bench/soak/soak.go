package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// kind is a worker and the framing that it is called in.
type kind struct {
	worker  string // "python" or "go"
	framing frame.Framing
}

func (k kind) String() string { return k.worker + " " + k.framing.String() }

var everyKind = []kind{
	{"python", frame.Enhanced}, {"go", frame.Enhanced}, {"python", frame.Basic}, {"go", frame.Basic},
}

// settings are those of one soak.
type settings struct {
	duration time.Duration
	seed     uint64
	python   []string // the command of the interpreter
	library  string   // the folder that the bundled worker is imported from
	kinds    []kind
	open     func(pool.PoolOptions) (system, error)

	enoughCalls, enoughCycles int
	progress                  io.Writer
}

// system is what is soaked: a pool, or in tests one with a fault.
type system interface {
	Start(context.Context) error
	Call(ctx context.Context, method string, body any) ([]byte, error)
	Shutdown(context.Context) error
	PIDs() []int // of the workers' processes, by the workers' index; 0 where there is none
}

// reference is the reference pool as a system.
type reference struct{ *pool.Pool }

func openPool(o pool.PoolOptions) (system, error) {
	p, err := pool.NewPool(o)
	if err != nil {
		return nil, err
	}
	return reference{p}, nil
}

func (r reference) Call(ctx context.Context, method string, body any) ([]byte, error) {
	return r.Pool.Call(ctx, method, body)
}

func (r reference) PIDs() []int {
	var pids []int
	for _, w := range r.Workers() {
		pids = append(pids, w.Health().PID)
	}
	return pids
}

// place is where a soak keeps its files, and how it knows its own processes.
type place struct {
	settings
	dir    string // in it: sockets/, journals/, worker.py
	mark   string // in the environment of every process of this soak
	itself string // this program, which is the Go worker too
}

//go:embed worker.py
var pythonWorker []byte

func newPlace(s settings) (*place, error) {
	itself, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	p := &place{settings: s, dir: dir, mark: hex.EncodeToString(random), itself: itself}
	err = errors.Join(
		os.Mkdir(p.sockets(), 0o700),
		os.Mkdir(p.journals(), 0o700),
		os.WriteFile(filepath.Join(dir, "worker.py"), pythonWorker, 0o600),
	)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

func (p *place) sockets() string  { return filepath.Join(p.dir, "sockets") }
func (p *place) journals() string { return filepath.Join(p.dir, "journals") }

// options are those of a pool of workers of a kind. part is what its processes are known by.
func (p *place) options(k kind, part string, env ...string) pool.PoolOptions {
	o := pool.PoolOptions{
		Command:   append(append([]string{}, p.python...), filepath.Join(p.dir, "worker.py")),
		Env:       append([]string{markVariable + "=" + p.mark + " " + part, "PYTHONPATH=" + p.library}, env...),
		SocketDir: p.sockets(), Framing: k.framing,
	}
	if k.worker == "go" {
		o.Command, o.Env = []string{p.itself}, append(o.Env, workerVariable+"=1")
	}
	return o
}

// hangs is how much longer than meant a part may take until it counts as hung.
const hangs = 2 * time.Minute

// soak calls one kind of worker after the other, and starts and stops pools beside that, and looks at what
// is left. Each part has an end of its own.
func soak(ctx context.Context, s settings) (*report, error) {
	p, err := newPlace(s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(p.dir) }()
	before, err := takeHoldings(p.dir)
	if err != nil {
		return nil, err
	}
	book, err := newBook(s.duration)
	if err != nil {
		return nil, err
	}
	defer book.close()

	started := time.Now()
	r := &report{settings: s, wrong: newWrongs()}
	cyclesDone := make(chan struct{})
	r.cycles = newCycles(p, r.wrong)
	cyclesEnd, stopCycles := context.WithTimeout(ctx, s.duration)
	defer stopCycles()
	go func() {
		defer close(cyclesDone)
		r.cycles.run(cyclesEnd)
	}()

	hung := false
	each := s.duration / time.Duration(len(s.kinds))
	for i, k := range s.kinds {
		if ctx.Err() != nil || hung {
			break
		}
		say(s.progress, "calls of %s for %v\n", k, each)
		c := newCalls(p, k, i, book, r.wrong, each)
		r.calls = append(r.calls, c)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(ctx)
		}()
		hung = !r.ends("the calls of "+k.String(), done, each)
	}
	hung = !r.ends("starts and stops", cyclesDone, s.duration-time.Since(started)) || hung
	r.took, r.interrupted = time.Since(started), ctx.Err() != nil

	if !hung { // else somebody may still write to it
		if err := book.settle(p.journals(), p.mark, r.wrong); err != nil {
			return nil, err
		}
	}
	r.left = before.left(p)
	for _, l := range r.left {
		r.wrong.add(leftOver, "%s: %s", l.what, l.which)
	}
	return r, nil
}

// ends waits for a part, and counts it as wrong if it does not end.
func (r *report) ends(what string, done <-chan struct{}, meant time.Duration) bool {
	timer := time.NewTimer(max(meant, 0) + hangs)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		r.wrong.add(noEnd, "%s did not end within %v after their time", what, hangs)
		say(r.progress, "%s hang:\n", what)
		if r.progress != nil {
			_ = pprof.Lookup("goroutine").WriteTo(r.progress, 1)
		}
		return false
	}
}

func say(to io.Writer, format string, args ...any) {
	if to != nil {
		_, _ = fmt.Fprintf(to, format, args...)
	}
}
