package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// process is an instance of the worker while a case uses it.
type process struct {
	*instance
	t *T
}

// start returns a worker that is ready: an idle one that has served other cases, or a new one. If the case finds nothing
// wrong, the worker is kept for the next case. A case that leaves handlers running, measures memory or ends the process
// uses startFresh.
func (t *T) start() *process {
	if !t.Alone {
		if in := t.instances.take(); in != nil {
			t.Note("worker", "is process %d, which has served %d cases", in.cmd.Process.Pid, in.served)
			t.SharesSubject()
			return t.adopt(in, true)
		}
	}
	return t.startReady(true)
}

// startFresh returns a new worker that is ready and that no other case will use.
func (t *T) startFresh() *process { return t.startReady(false) }

func (t *T) startReady(keep bool) *process {
	p := t.adopt(t.startInstance(launch{}), keep)
	if err := p.ready(); err != nil { // [WRK-1] has a case of its own
		t.Blocked("%v", err)
	}
	return p
}

// launch starts a new worker and does not wait until it is ready.
func (t *T) launch(l launch) *process { return t.adopt(t.startInstance(l), false) }

func (t *T) startInstance(l launch) *instance {
	in, err := t.instances.start(t.command, l)
	if err != nil {
		t.Blocked("the worker cannot be started: %v", err)
	}
	t.Note("worker", "started as process %d", in.cmd.Process.Pid)
	return in
}

// adopt gives the instance to the case. When the case ends, the instance is kept for the next case if that is asked for, the
// case has found nothing wrong and the worker still answers. Otherwise it is discarded.
func (t *T) adopt(in *instance, keep bool) *process {
	in.setCase(t.T)
	t.Cleanup(func() {
		in.setCase(nil)
		in.served++
		if in.ended() {
			t.SubjectEnded()
		}
		if keep && t.Good() && t.serves(in) {
			t.instances.put(in)
		} else {
			t.instances.discard(in)
		}
	})
	return &process{in, t}
}

// serves reports whether the worker still answers when the case has ended and its connections are closed.
func (t *T) serves(in *instance) bool {
	conn, err := net.Dial("unix", in.socket)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(t.Patience())); err != nil {
		return false
	}
	if _, err := conn.Write(wire.Encode(t.anyFraming(), 1, wire.Request(1, "health", "null"))); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 1))
	return err == nil && n == 1 && !in.ended()
}

// startError says why a worker did not come to accept connections.
type startError struct {
	text string
	// violation is set if the worker ended, or listens elsewhere. Otherwise it may only be slow: starting takes the time
	// that it takes, so nothing is known of it.
	violation bool
}

func (e *startError) Error() string { return e.text }

// ready waits until the worker accepts connections. It returns an error if the worker ends first or the patience of the
// case is over.
func (p *process) ready() *startError {
	conn, err := p.firstConnection()
	if err == nil {
		_ = conn.Close()
	}
	return err
}

// firstConnection opens a connection as soon as the worker accepts one, as ready does.
func (p *process) firstConnection() (*net.UnixConn, *startError) {
	d := p.deadline(p.t.Patience())
	defer d.stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for expired := false; ; {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: p.socket, Net: "unix"})
		switch {
		case err == nil:
			return conn, nil
		case p.ended():
			return nil, &startError{"the worker ended before it accepted connections: " + p.howItEnded(), true}
		case expired:
			return nil, p.notReady(err)
		}
		select {
		case <-tick.C:
		case <-p.exited:
		case <-d.C:
			expired = d.expired()
		case <-p.t.Context().Done():
			expired = true
		}
	}
}

// notReady is the error of a worker that runs and accepted no connection within the patience. One that listens on another
// Unix socket by then is not slow but wrong; a TCP socket may be for something else, such as its metrics.
func (p *process) notReady(err error) *startError {
	elsewhere := slices.DeleteFunc(proc.Listening(p.cmd.Process.Pid), func(where string) bool {
		return where == p.socket || !strings.HasPrefix(where, "/")
	})
	if len(elsewhere) > 0 {
		return &startError{fmt.Sprintf("the worker listens at %s and not at %s, which %s has (%v); %s",
			text.Printable([]byte(strings.Join(elsewhere, ", "))), p.socket, socketVariable, err, p.outputTail()), true}
	}
	return &startError{fmt.Sprintf("the worker runs but accepted no connection on the socket at %s within %v (%v). "+
		"If it needs longer to start, wait longer with %s; %s; by then %s", socketVariable, p.t.Patience(), err, patienceOption,
		p.outputTail(), text.Printable([]byte(proc.Doing(p.cmd.Process.Pid)))), false}
}

// patienceOption names the option with which a run waits longer, on the command line and in Go.
const patienceOption = "--patience (in Go: conformance.Patience)"

// mustBeReady waits until the worker accepts connections. The clause fails if it ends first or listens elsewhere; if it
// merely takes longer than the patience, the case is blocked.
func (p *process) mustBeReady(clause, want string) *net.UnixConn {
	conn, err := p.firstConnection()
	switch {
	case err == nil:
	case err.violation:
		p.t.FailNow(clause, want, "%v", err)
	default:
		p.t.Blocked("%v", err)
	}
	return conn
}

// awaitExit waits for the process to end and returns its exit status, -1 if a signal ended it. When the process still runs
// after the limit, ended is false.
func (p *process) awaitExit(limit time.Duration) (status int, ended bool) {
	if !p.waitFor(limit, p.exited) {
		return 0, false
	}
	return p.cmd.ProcessState.ExitCode(), true
}

// signal sends a signal to the process that was started.
func (p *process) signal(s syscall.Signal) {
	p.t.Note("worker", "is sent %s", signalName(s))
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Blocked("the worker cannot be sent %s: %v", signalName(s), err)
	}
}

// signalGroup sends a signal to the process group of the worker.
func (p *process) signalGroup(s syscall.Signal) {
	p.t.Note("worker", "is sent %s, and all processes of its group", signalName(s))
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Blocked("the worker's processes cannot be sent %s: %v", signalName(s), err)
	}
}

// stopGroup stops the process group of the worker, and waits until none of its threads runs: for a moment after the signal
// one may go on.
func (p *process) stopGroup() {
	p.signalGroup(syscall.SIGSTOP)
	group := p.cmd.Process.Pid
	if !p.t.Settle(func() bool {
		return !slices.ContainsFunc(p.processes(), func(pid int) bool {
			its, err := syscall.Getpgid(pid)
			return err == nil && its == group && !proc.Stopped(pid)
		})
	}) {
		p.t.Blocked("the worker's processes were sent SIGSTOP and have not stopped")
	}
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGINT:
		return "SIGINT"
	case syscall.SIGKILL:
		return "SIGKILL"
	case syscall.SIGSTOP:
		return "SIGSTOP"
	case syscall.SIGCONT:
		return "SIGCONT"
	}
	return s.String()
}

// isWithin reports whether a process is the one that was started, or one that it started.
func (p *process) isWithin(pid int) bool { return proc.IsWithin(pid, p.cmd.Process.Pid) }
