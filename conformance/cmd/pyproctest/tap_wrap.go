package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/tap"
)

// longestSocket is how many bytes the path of a socket may have: 107 on Linux, and 103 on macOS.
const longestSocket = 103

const socketVariable = "PYPROC_SOCKET_PATH" // [WRK-1]

// wrap takes the place of a worker, which it starts itself with a socket that nobody else knows. It is ready when the
// worker is, stops when the worker does, and ends with the worker's status.
func (t *tapping) wrap(ctx context.Context, args []string) error {
	if t.options.Listen == "" {
		t.options.Listen = os.Getenv(socketVariable)
	}
	switch {
	case t.options.Upstream != "":
		return errors.New("give --upstream or the command of a worker, not both")
	case t.options.Listen == "":
		return fmt.Errorf("give --listen, or the path in %s", socketVariable)
	}
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t.options.Upstream = filepath.Join(dir, "s")
	if len(t.options.Upstream) > longestSocket {
		return fmt.Errorf("the path of the worker's socket, %s, has %d bytes, and may have about %d: set TMPDIR to a shorter folder, such as /tmp", t.options.Upstream, len(t.options.Upstream), longestSocket)
	}

	w := &wrapped{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), socketVariable+"="+t.options.Upstream)
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := w.start(); err != nil {
		return fmt.Errorf("the worker cannot be started: %w", err)
	}
	ctx, lost := context.WithCancel(ctx)
	defer lost()
	go watchParent(ctx, lost)
	context.AfterFunc(ctx, w.stop)

	if !w.isReady(ctx, t.options.Upstream) {
		return w.status()
	}
	socket, err := tap.Listen(t.options)
	if err != nil {
		w.stop()
		<-w.ended
		return err
	}
	context.AfterFunc(ctx, socket.Close) // it accepts no more connections, and lets open ones end [WRK-17, WRK-18]
	passing, over := context.WithCancel(context.Background())
	defer over()
	go func() {
		<-w.ended
		socket.Close()
		// What the worker sent must still be passed on. Then each connection ends by itself.
		time.AfterFunc(lingerTimeout, over)
	}()
	t.sumUp(socket.Serve(passing))
	return w.status()
}

// lingerTimeout is how long connections may go on after their worker has ended.
const lingerTimeout = 5 * time.Second

// wrapped is the worker behind a tap.
type wrapped struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// start starts the worker in its own process group, so that a Ctrl-C reaches it once, from here. It uses a thread that
// lives as long as the worker, because on Linux the worker ends with the thread that started it.
func (w *wrapped) start() error {
	w.cmd.SysProcAttr = apart()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := w.cmd.Start()
		started <- err
		if err == nil {
			_ = w.cmd.Wait() // its state says how it ended
			close(w.ended)
		}
	}()
	return <-started
}

func (w *wrapped) stop() { _ = w.cmd.Process.Signal(syscall.SIGTERM) }

// isReady waits until the worker accepts connections. It returns false if the worker or the context ends first.
func (w *wrapped) isReady(ctx context.Context, path string) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return awaitWorker(ctx, path) == nil
}

// status waits for the end of the worker and returns its exit status.
func (w *wrapped) status() error {
	<-w.ended
	state := w.cmd.ProcessState
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return &exit{128 + int(wait.Signal())}
	}
	if state.Success() {
		return nil
	}
	return &exit{state.ExitCode()}
}

// watchParent calls lost when the process that started this one has ended [WRK-19].
func watchParent(ctx context.Context, lost func()) {
	parent := os.Getppid()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for os.Getppid() == parent {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
	lost()
}
