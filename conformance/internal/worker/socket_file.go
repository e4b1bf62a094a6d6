package worker

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// listen makes a socket at the path and listens on it until the case ends. Nothing accepts its connections.
func (t *T) listen(path string) *net.UnixListener {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Blocked("no socket can be made: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// fillAcceptQueue makes the listener's queue short and connects until it is full, and reports whether a caller can tell that
// from a refusal, as on Linux.
func (t *T) fillAcceptQueue(l *net.UnixListener) bool {
	const backlog = 1
	var short error
	raw, err := l.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { short = syscall.Listen(int(fd), backlog) })
	}
	if err = errors.Join(err, short); err != nil {
		t.Blocked("the accept queue cannot be made short: %v", err)
	}
	for range 8 * backlog { // a system may take a few more
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			return errors.Is(err, syscall.EAGAIN)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	return false
}

// acceptAll accepts the connections that wait, and those that come until the listener is closed.
func acceptAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
	}
}

func refusesConnections(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// fileInfo returns what is at the path, for mustBeUntouched to compare with later.
func (t *T) fileInfo(path string) os.FileInfo {
	info, err := os.Lstat(path)
	if err != nil {
		t.Blocked("%v", err)
	}
	return info
}

// mustBeUntouched fails the clause if the file at the path was removed or replaced, or its mode changed.
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
