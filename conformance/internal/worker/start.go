package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// startsCase is also what the preflight reports where a worker cannot be started.
func startsCase() testCase {
	return testCase{
		Name: "listens-at-its-path-and-serves-the-first-connection", Clauses: []string{"WRK-1"},
		Cause: "The socket path is taken from elsewhere, or the socket is bound before the worker can serve it.",
		Run:   listensAtItsPathAndServesTheFirstConnection,
	}
}

func startCases() []testCase {
	return []testCase{
		startsCase(),
		{
			Name: "stale-socket-is-replaced", Clauses: []string{"WRK-2"},
			Cause: "The path is bound without a look at what is there: a socket file outlives its process.",
			Run:   staleSocketIsReplaced,
		},
		{
			Name: "unset-path-is-refused", Clauses: []string{"WRK-3"},
			Cause: "A default path is used, which two workers would share, or the failure ends with status 0.",
			Run:   unsetPathIsRefused,
		},
		{
			Name: "path-of-a-live-worker-is-refused", Clauses: []string{"WRK-4"},
			Cause: "Whatever is at the path is removed before binding, which takes a running worker off the air.",
			Run:   pathOfALiveWorkerIsRefused,
		},
		{
			Name: "path-of-a-listener-that-does-not-accept-is-refused", Clauses: []string{"WRK-4"},
			Cause: "The owner of the socket is asked something and taken for dead when it does not answer.",
			Run:   pathOfAListenerThatDoesNotAcceptIsRefused,
		},
		{
			Name: "path-of-what-is-no-socket-is-refused", Clauses: []string{"WRK-5"},
			Cause: "Whatever is at the path is removed before binding: a wrong path then costs somebody a file.",
			Run:   pathOfWhatIsNoSocketIsRefused,
		},
		{
			Name: "socket-file-has-mode-0600", Clauses: []string{"WRK-6"},
			Cause: "The mode is left to the umask. Set the umask before binding, or change the mode before listening.",
			Run:   socketFileHasMode0600,
		},
	}
}

// The path has a space in it, and the first connection that is accepted is the one that calls.
func listensAtItsPathAndServesTheFirstConnection(t *T) {
	path := filepath.Join(t.Dir(), "a socket.sock")
	p := t.launch(launch{socket: path})
	var conn *net.UnixConn
	p.waitUntil(func() bool {
		var err error
		conn, err = p.dial()
		return err == nil || p.ended()
	})
	if conn == nil {
		t.FailNow("WRK-1", fmt.Sprintf("a worker that listens at %s=%s", socketVariable, path), "no connection was accepted%s", p.exitSuffix())
	}
	q := newPeer(p, conn, t.anyFraming())
	q.startReading()
	q.call("WRK-1", "echo", `"as soon as it accepts"`)
}

func staleSocketIsReplaced(t *T) {
	path := filepath.Join(t.Dir(), "w.sock")
	l := t.listen(path)
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Blocked("the stale socket cannot be made: %v", err)
	}
	// A process that another case is about to start holds a copy of the listener until it has become its program.
	if !t.Settle(func() bool { return refusesConnections(path) }) {
		t.Blocked("the stale socket cannot be made: something still listens on it")
	}
	p := t.launch(launch{socket: path})
	if err := p.ready(); err != nil {
		t.FailNow("WRK-2", "a worker that replaces the socket file at its path, as no process listens on it", "%v", err)
	}
	p.connect("WRK-2", t.anyFraming()).call("WRK-2", "echo", `"served"`)
}

func refusesConnections(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func (t *T) listen(path string) *net.UnixListener {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Blocked("no socket can be made: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func unsetPathIsRefused(t *T) {
	t.launch(launch{unset: true}).mustRefuseToStart("WRK-3", "without "+socketVariable)
}

// mustRefuseToStart waits for the process to end with a message and a status that is not 0.
func (p *process) mustRefuseToStart(clause, why string) {
	want := "a worker that refuses to start " + why
	status, ended := p.awaitExit(p.t.Patience())
	switch {
	case !ended:
		p.t.FailNow(clause, want, "it still runs after %v; %s", p.t.Patience(), p.outputTail())
	case status == 0:
		p.t.Fail(clause, want+", with an exit status that is not 0", "it ended with status 0; %s", p.outputTail())
	case status < 0:
		p.t.Fail(clause, want+", with an exit status", "it was ended by a signal: %s", p.howItEnded())
	}
	switch {
	case p.output(stderrName) != "":
	case clause == "WRK-3":
		p.t.Fail(clause, want+", with a message on standard error", "it wrote nothing there")
	case p.output(stdoutName) == "":
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

func pathOfAListenerThatDoesNotAcceptIsRefused(t *T) {
	path := filepath.Join(t.Dir(), "w.sock")
	t.listen(path)
	before := t.fileInfo(path)
	t.launch(launch{socket: path}).mustRefuseToStart("WRK-4", "where a live process owns the socket")
	t.mustBeUntouched("WRK-4", "the socket of the live process", path, before)
}

func (t *T) fileInfo(path string) os.FileInfo {
	info, err := os.Lstat(path)
	if err != nil {
		t.Blocked("%v", err)
	}
	return info
}

func (t *T) mustBeUntouched(clause, what, path string, before os.FileInfo) {
	after, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Fail(clause, what+" is left as it was", "it was removed")
	case err != nil:
		t.Blocked("%v", err)
	case !os.SameFile(before, after):
		t.Fail(clause, what+" is left as it was", "another file is in its place")
	case before.Mode() != after.Mode():
		t.Fail(clause, what+" is left as it was", "its mode changed from %v to %v", before.Mode(), after.Mode())
	}
}

func pathOfWhatIsNoSocketIsRefused(t *T) {
	const content = "somebody's data"
	for _, c := range []struct {
		what string
		make func(path string) error
	}{
		{"a regular file", func(path string) error { return os.WriteFile(path, []byte(content), 0o640) }},
		{"an empty file", func(path string) error { return os.WriteFile(path, nil, 0o640) }},
		{"an empty directory", func(path string) error { return os.Mkdir(path, 0o750) }},
		{"a named pipe", func(path string) error { return syscall.Mkfifo(path, 0o640) }},
	} {
		path := filepath.Join(t.Dir(), "w.sock")
		if err := c.make(path); err != nil {
			t.Blocked("%s cannot be made: %v", c.what, err)
		}
		before := t.fileInfo(path)
		t.launch(launch{socket: path}).mustRefuseToStart("WRK-5", "where "+c.what+" is at its path")
		t.mustBeUntouched("WRK-5", c.what, path, before)
		if c.what == "a regular file" {
			if data, err := os.ReadFile(path); err == nil && string(data) != content {
				t.Fail("WRK-5", c.what+" is left as it was", "its content is now %q", data)
			}
		}
	}
}

// The umask is 0, so that the mode is what the worker makes of it.
func socketFileHasMode0600(t *T) {
	p := t.launch(launch{within: []string{"/bin/sh", "-c", `umask 0; exec "$0" "$@"`}})
	if err := p.ready(); err != nil {
		t.Blocked("%v", err)
	}
	p.connectServed(t.anyFraming())
	if mode := t.fileInfo(p.socket).Mode(); mode.Perm() != 0o600 {
		t.Fail("WRK-6", "a socket file of mode 0600", "mode %04o", mode.Perm())
	}
}
