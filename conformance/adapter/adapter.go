package adapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Options change how an adapter is run. The zero value fits most programs.
type Options struct {
	// Timeout is how long the program may take to start and to answer its first requests; 0: 20 s. After that, the
	// patience of the run decides when a framer or a pool hangs.
	Timeout time.Duration
	// Processes is how many processes of a framer's program run at once at most; 0: 4. Each pool has a process of
	// its own.
	Processes int
	// Memory is how many bytes a process of a framer may hold while it handles one request; 0: 4 GB, which is many times
	// what the largest request needs in any language. Beyond it the process is ended, and the framer is at fault
	// [FRM-11]. Linux only.
	Memory int64
}

const (
	defaultTimeout   = 20 * time.Second
	defaultProcesses = 4
	defaultMemory    = 4 << 30
)

// Adapter is a program that the suite uses as a framer or a pool.
type Adapter struct {
	role    spec.Role
	command conformance.WorkerCommand
	timeout time.Duration
	memory  int64
	stderr  *tail
	ctx     context.Context
	cancel  context.CancelCauseFunc
	slots   chan struct{} // each request to a framer takes one while it runs

	living sync.WaitGroup // of processes

	mu     sync.Mutex
	name   string
	err    *Fault // why the program is given up; nil while it is not
	closed bool
	idle   []*process // probed and not in use
	losses losses
}

// Open starts the program once and checks that it is an adapter for the role: it must answer hello, refuse a command that
// does not exist, and answer a first request of its role. The error is a *[Fault]. When ctx ends, all processes are
// killed.
func Open(ctx context.Context, role spec.Role, command conformance.WorkerCommand, o Options) (*Adapter, error) {
	a := &Adapter{role: role, command: command, timeout: o.Timeout, memory: o.Memory, stderr: newTail(nil)}
	if a.timeout <= 0 {
		a.timeout = defaultTimeout
	}
	if a.memory <= 0 {
		a.memory = defaultMemory
	}
	if o.Processes <= 0 {
		o.Processes = defaultProcesses
	}
	a.slots = make(chan struct{}, o.Processes)
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	if role != spec.RoleFramer && role != spec.RolePool {
		a.cancel(nil)
		return nil, a.fault(nil, fmt.Sprintf("is not needed: a %s is tested over its socket", role), nil)
	}
	p, err := a.launch(a.ctx)
	if err != nil {
		_ = a.Close()
		return nil, err
	}
	a.giveBack(p)
	return a, nil
}

// Name returns the name that the program gives itself.
func (a *Adapter) Name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.name
}

// Framer returns a function that makes framers in the program. It returns nil for an adapter of another role.
func (a *Adapter) Framer() func(io.ReadWriter, conformance.FramerOptions) conformance.Framer {
	if a.role != spec.RoleFramer {
		return nil
	}
	return a.openFramer
}

// Pool returns a function that makes pools, each in a process of its own. It returns nil for an adapter of another role.
func (a *Adapter) Pool() func(conformance.PoolOptions) (conformance.Pool, error) {
	if a.role != spec.RolePool {
		return nil
	}
	return a.openPool
}

// Context returns the context for the run. It ends with the context that was given to [Open], and when the program turns
// out to be unusable, so that no further case begins. Its cause is then the *[Fault].
func (a *Adapter) Context() context.Context { return a.ctx }

// Err returns the *[Fault] that made the program unusable, nil while it is usable.
func (a *Adapter) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		return nil // an untyped nil, not a nil *Fault
	}
	return a.err
}

// Stderr returns the end of what the program's processes have written to standard error.
func (a *Adapter) Stderr() string { return a.stderr.String() }

// Close ends all processes and waits until they are reaped. It returns the error of [Adapter.Err].
func (a *Adapter) Close() error {
	a.mu.Lock()
	idle := a.idle
	a.idle, a.closed = nil, true
	a.mu.Unlock()
	var ending sync.WaitGroup
	for _, p := range idle {
		ending.Go(p.end)
	}
	ending.Wait()
	a.cancel(context.Canceled) // which kills those in use
	a.living.Wait()
	return a.Err()
}

// keep kills the process when the adapter ends. It reports false if the adapter has ended already.
func (a *Adapter) keep(p *process) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.living.Add(1)
	stop := context.AfterFunc(a.ctx, p.kill)
	go func() {
		defer a.living.Done()
		<-p.over
		stop()
	}()
	return true
}

// take returns a process that nobody else uses: an idle one, or a new one.
func (a *Adapter) take(ctx context.Context) (*process, error) {
	a.mu.Lock()
	for n := len(a.idle); n > 0; n = len(a.idle) {
		p := a.idle[n-1]
		a.idle = a.idle[:n-1]
		if p.alive() {
			a.mu.Unlock()
			return p, nil
		}
	}
	a.mu.Unlock()
	return a.launchNext(ctx)
}

// launchNext starts another process of a program that has run before. If that fails, it gives the program up.
func (a *Adapter) launchNext(ctx context.Context) (*process, error) {
	p, err := a.launch(ctx)
	var fault *Fault
	if errors.As(err, &fault) && ctx.Err() == nil {
		return nil, a.giveUp(fault)
	}
	return p, err
}

// giveBack makes the process idle, for the next request.
func (a *Adapter) giveBack(p *process) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		p.kill()
		return
	}
	a.idle = append(a.idle, p)
}

// giveUp makes the program unusable for the rest of the run. It returns the first reason for that.
func (a *Adapter) giveUp(fault *Fault) *Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil && a.ctx.Err() == nil {
		a.err = fault
		a.cancel(fault)
	}
	if a.err != nil {
		return a.err
	}
	return fault
}

func (a *Adapter) setName(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.name = name
}

// fault returns a fault of the program, with what the process wrote to standard error.
func (a *Adapter) fault(p *process, problem string, err error) *Fault {
	f := &Fault{Command: a.command.String(), Problem: problem, Err: err}
	if p != nil {
		f.Stderr = p.stderr.String()
	}
	return f
}
