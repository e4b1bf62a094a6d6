package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// process is what a case holds of an instance of the worker.
type process struct {
	*instance
	t *T
}

// start gives the case a worker that is ready: one that has served other cases, where there is one, or a
// new one. It goes back for the next case where this one found nothing wrong. A case that leaves handlers
// running, counts memory or ends the process uses startFresh.
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

func (t *T) startFresh() *process { return t.startReady(false) }

func (t *T) startReady(giveBack bool) *process {
	in, err := t.instances.start(t.command, launch{})
	if err != nil {
		t.Blocked("the worker cannot be started: %v", err)
	}
	t.Note("worker", "started as process %d", in.cmd.Process.Pid)
	p := t.adopt(in, giveBack)
	if err := p.ready(); err != nil { // [WRK-1] has a case of its own
		t.Blocked("%v", err)
	}
	return p
}

// launch starts the worker and does not wait for it.
func (t *T) launch(l launch) *process {
	in, err := t.instances.start(t.command, l)
	if err != nil {
		t.Blocked("the worker cannot be started: %v", err)
	}
	t.Note("worker", "started as process %d", in.cmd.Process.Pid)
	return t.adopt(in, false)
}

// adopt binds the instance to the case until that has ended.
func (t *T) adopt(in *instance, giveBack bool) *process {
	in.setCase(t)
	t.Cleanup(func() {
		in.setCase(nil)
		in.served++
		if in.ended() {
			t.SubjectEnded()
		}
		if giveBack && t.Good() && t.serves(in) {
			t.instances.put(in)
		} else {
			t.instances.discard(in)
		}
	})
	return &process{in, t}
}

// serves reports whether the worker answers still, after the case has left its connections as they were.
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

// ready waits until the worker accepts connections.
func (p *process) ready() error {
	d := p.deadline(p.t.Patience())
	defer d.stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for over := false; ; {
		conn, err := net.Dial("unix", p.socket)
		switch {
		case err == nil:
			_ = conn.Close()
			return nil
		case p.ended():
			return fmt.Errorf("the worker ended before it accepted connections: %s", p.howItEnded())
		case over:
			return fmt.Errorf("the worker runs but accepted no connection on the socket at %s within %v (%w); %s",
				socketVariable, p.t.Patience(), err, p.outputTail())
		}
		select {
		case <-tick.C:
		case <-p.exited:
		case <-d.C:
			over = d.expired()
		case <-p.t.Context().Done():
			over = true
		}
	}
}

// awaitExit waits for the process to end and tells its exit status, -1 where a signal ended it.
func (p *process) awaitExit(limit time.Duration) (status int, ended bool) {
	d := p.deadline(limit)
	defer d.stop()
	for over := false; !over && !p.ended(); {
		select {
		case <-p.exited:
		case <-d.C:
			over = d.expired()
		case <-p.t.Context().Done():
			over = true
		}
	}
	if !p.ended() {
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

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGINT:
		return "SIGINT"
	case syscall.SIGKILL:
		return "SIGKILL"
	}
	return s.String()
}

// lastWords tells how the process ended and what it said.
func (p *process) howItEnded() string {
	return fmt.Sprintf("%v; %s", p.cmd.ProcessState, p.outputTail())
}

const saidBytes = 2000 // of the end of what the worker wrote

func (p *process) outputTail() string {
	name, words := "standard error", p.output(stderrName)
	if words == "" {
		name, words = "standard output", p.output(stdoutName)
	}
	if words == "" {
		return "it wrote nothing to standard error"
	}
	if len(words) > saidBytes {
		words = "…" + words[len(words)-saidBytes:]
	}
	return "the end of its " + name + ":\n" + text.Indent(words, "  ")
}

// wrote is what the process wrote, without space around it.
func (p *process) output(name string) string {
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Note("suite", "what the worker wrote cannot be read: %v", err)
	}
	return strings.TrimSpace(string(text))
}

// connect opens a connection to the worker, or fails the clause; setUp blocks the case instead.
func (p *process) connect(clause string, framing spec.Framing) *peer {
	q := p.connectUnread(clause, framing)
	q.startReading()
	return q
}

// connectUnread opens a connection of which nothing is read until startReading.
func (p *process) connectUnread(clause string, framing spec.Framing) *peer {
	conn, err := p.dial()
	if err != nil {
		p.t.stepFailed(clause, "a connection to the worker", fmt.Sprintf("%v%s", err, p.exitSuffix()))
	}
	return newPeer(p, conn, framing)
}

// dial connects, and tries again while the worker's backlog is full.
func (p *process) dial() (*net.UnixConn, error) {
	var conn *net.UnixConn
	var err error
	p.t.Settle(func() bool {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: p.socket, Net: "unix"})
		return !errors.Is(err, syscall.EAGAIN)
	})
	return conn, err
}

// obituary tells whether the process is gone, for the text of a failure. The end of a connection is
// often seen just before the end of the process behind it.
func (p *process) exitSuffix() string {
	if _, ended := p.awaitExit(200 * time.Millisecond); ended {
		return ". The worker ended: " + p.howItEnded()
	}
	return ""
}

// setUp stands for a clause where a step only prepares what the case is about: where it fails, the case
// is blocked, and another case tells what is wrong.
const setUp = ""

// breach ends the case: the clause does not hold, or what it needs could not be set up.
func (t *T) stepFailed(clause, want, got string) {
	if t.Context().Err() != nil {
		t.Blocked("the case ran out of time before it could tell: expected %s; got: %s", want, got)
	}
	if clause == setUp {
		t.Blocked("the case could not be set up: expected %s; got: %s", want, got)
	}
	t.FailNow(clause, want, "%s", got)
}
