package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// startsCase is also the case that the preflight reports when the worker cannot be started.
func startsCase() testCase {
	return testCase{
		Name: "listens-at-its-path-and-serves-the-first-connection", Clauses: []string{"WRK-1"},
		Cause: "The worker takes its socket path from elsewhere, or it binds the socket before it can serve it.",
		Run:   listensAtItsPathAndServesTheFirstConnection,
	}
}

func startCases() []testCase {
	return []testCase{
		startsCase(),
		{
			Name: "stale-socket-is-replaced", Clauses: []string{"WRK-2"},
			Cause: "The worker binds the path without looking at what is there: a socket file outlives its process.",
			Run:   staleSocketIsReplaced,
		},
		{
			Name: "unset-path-is-refused", Clauses: []string{"WRK-3"},
			Cause: "The worker uses a default path, which two workers would share, or it ends with status 0.",
			Run:   unsetPathIsRefused,
		},
		{
			Name: "path-of-a-live-worker-is-refused", Clauses: []string{"WRK-4"},
			Cause: "The worker removes whatever is at the path before it binds, so nobody can reach the running worker any more.",
			Run:   pathOfALiveWorkerIsRefused,
		},
		{
			Name: "path-of-a-listener-that-does-not-accept-is-refused", Clauses: []string{"WRK-4"},
			Cause: "The worker takes the owner of the socket for dead when no answer comes, or when the connection fails otherwise than by a refusal.",
			Run:   pathOfAListenerThatDoesNotAcceptIsRefused,
		},
		{
			Name: "path-of-what-is-no-socket-is-refused", Clauses: []string{"WRK-5"},
			Cause: "The worker removes whatever is at the path before it binds, so a wrong path costs somebody a file.",
			Run:   pathOfWhatIsNoSocketIsRefused,
		},
		{
			Name: "socket-file-has-mode-0600", Clauses: []string{"WRK-6"},
			Cause: "The worker leaves the mode to the umask. Set the umask before binding, or change the mode before listening.",
			Run:   socketFileHasMode0600,
		},
	}
}

// listensAtItsPathAndServesTheFirstConnection uses a path with a space in it, and calls on the first connection that the
// worker accepts.
func listensAtItsPathAndServesTheFirstConnection(t *T) {
	path := filepath.Join(t.Dir(), "a socket.sock")
	p := t.launch(launch{socket: path})
	conn := p.mustBeReady("WRK-1", fmt.Sprintf("a worker that listens at %s=%s", socketVariable, path))
	q := newPeer(p, conn, t.anyFraming())
	q.startReading()
	q.call("WRK-1", "echo", `"as soon as it accepts"`)
}

func staleSocketIsReplaced(t *T) {
	path := t.staleSocket()
	p := t.launch(launch{socket: path})
	conn := p.mustBeReady("WRK-2", "a worker that replaces the socket file at its path, as no process listens on it")
	_ = conn.Close()
	p.connect("WRK-2", t.anyFraming()).call("WRK-2", "echo", `"served"`)
}

// staleSocket makes a socket file at which nobody listens any more, and returns its path.
func (t *T) staleSocket() (path string) {
	path = filepath.Join(t.Dir(), "w.sock")
	l := t.listen(path)
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Blocked("the stale socket cannot be made: %v", err)
	}
	// A process that another case starts at this moment has a copy of the listener until it runs its own program.
	if !t.Settle(func() bool { return refusesConnections(path) }) {
		t.Blocked("the stale socket cannot be made: something still listens on it")
	}
	return path
}

func unsetPathIsRefused(t *T) {
	t.launch(launch{noPath: true}).mustRefuseToStart("WRK-3", "without "+socketVariable)
}

// mustRefuseToStart waits for the process to end, which it must do by itself, with a message and a status other than 0. One
// that runs on and listens has started. One that runs on and does not may only be slow.
func (p *process) mustRefuseToStart(clause, why string) {
	want := "a worker that refuses to start " + why
	status, ended := p.awaitExit(p.t.Patience())
	switch {
	case !ended:
		listens := slices.DeleteFunc(proc.Listening(p.cmd.Process.Pid), func(where string) bool {
			return clause != "WRK-3" && !strings.HasPrefix(where, "/") // what it has a path for is a Unix socket
		})
		if len(listens) == 0 {
			p.t.Blocked("the worker was started %s. After %v it has neither ended nor is it seen to listen. If it needs longer, wait longer with %s; %s",
				why, p.t.Patience(), patienceOption, p.outputTail())
		}
		p.t.FailNow(clause, want, "it runs and listens at %s; %s", strings.Join(listens, ", "), p.outputTail())
	case status == 0:
		p.t.Fail(clause, want+", with an exit status that is not 0", "it ended with status 0; %s", p.outputTail())
	case status < 0:
		p.t.Fail(clause, want+", with an exit status", "it was ended by a signal: %s", p.howItEnded())
	}
	switch {
	case p.stderr.end() != "":
	case clause == "WRK-3": // which asks for standard error; the other clauses ask for a message
		p.t.Fail(clause, want+", with a message on standard error", "it wrote nothing there")
	case p.stdout.end() == "":
		p.t.Fail(clause, want+", with a message", "it wrote nothing")
	}
}

func pathOfALiveWorkerIsRefused(t *T) {
	first := t.start()
	q := first.connectServed(t.anyFraming())
	first.connectServed(t.anyFraming())
	before := t.fileInfo(first.socket)

	t.launch(launch{socket: first.socket}).mustRefuseToStart("WRK-4", "where a live worker owns the socket")

	t.mustBeUntouched("WRK-4", "the socket of the live worker", first.socket, before)
	q.call("WRK-4", "echo", `"the first worker goes on"`)
	first.connect("WRK-4", t.anyFraming()).call("WRK-4", "echo", `"for new callers too"`)
}

// pathOfAListenerThatDoesNotAcceptIsRefused has the worker meet a listener with room for its connection, and then one whose
// accept queue is full. There a worker may wait for room, so that after a while there is some.
func pathOfAListenerThatDoesNotAcceptIsRefused(t *T) {
	path := filepath.Join(t.Dir(), "w.sock")
	l := t.listen(path)
	before := t.fileInfo(path)
	t.launch(launch{socket: path}).mustRefuseToStart("WRK-4", "where a live process owns the socket")
	t.mustBeUntouched("WRK-4", "the socket of the live process", path, before)
	if !t.fillAcceptQueue(l) {
		t.Note("suite", "a full accept queue looks on this system as if nobody listened")
		return
	}
	p := t.launch(launch{socket: path})
	p.awaitExit(t.Patience() / 4)
	go acceptAll(l)
	p.mustRefuseToStart("WRK-4", "where a live process owns the socket, whose accept queue is full")
	t.mustBeUntouched("WRK-4", "the socket of the live process", path, before)
}

func pathOfWhatIsNoSocketIsRefused(t *T) {
	const content = "somebody's data"
	for _, c := range []struct {
		what    string
		make    func(path string) error
		content string // what it must still hold, if not empty
	}{
		{"a regular file", func(path string) error { return os.WriteFile(path, []byte(content), 0o640) }, content},
		{"an empty file", func(path string) error { return os.WriteFile(path, nil, 0o640) }, ""},
		{"an empty directory", func(path string) error { return os.Mkdir(path, 0o750) }, ""},
		{"a named pipe", func(path string) error { return syscall.Mkfifo(path, 0o640) }, ""},
	} {
		path := filepath.Join(t.Dir(), "w.sock")
		if err := c.make(path); err != nil {
			t.Blocked("%s cannot be made: %v", c.what, err)
		}
		before := t.fileInfo(path)
		t.launch(launch{socket: path}).mustRefuseToStart("WRK-5", "where "+c.what+" is at its path")
		t.mustBeUntouched("WRK-5", c.what, path, before)
		if c.content == "" {
			continue
		}
		if data, err := os.ReadFile(path); err == nil && string(data) != c.content {
			t.Fail("WRK-5", c.what+" is left as it was", "its content is now %q", data)
		}
	}
}

// socketFileHasMode0600 starts the worker with a umask of 0, so that nobody but the worker restricts the mode.
func socketFileHasMode0600(t *T) {
	umask := []string{"/bin/sh", "-c", `umask 0; exec "$0" "$@"`}
	requireMode := func(l launch, where string) {
		p := t.launch(l)
		if err := p.ready(); err != nil {
			t.Blocked("%v", err)
		}
		p.connectServed(t.anyFraming())
		if mode := t.fileInfo(p.socket).Mode(); mode.Perm() != 0o600 {
			t.Fail("WRK-6", "a socket file of mode 0600"+where, "mode %04o", mode.Perm())
		}
	}
	requireMode(launch{wrapper: umask}, "")
	stale := t.staleSocket()
	if err := os.Chmod(stale, 0o666); err != nil {
		t.Blocked("the mode of the stale socket cannot be set: %v", err)
	}
	requireMode(launch{wrapper: umask, socket: stale}, ", where one of mode 0666 was left by a process that has ended")
}
