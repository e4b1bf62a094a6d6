// Package rivals measures what a user might pick instead of PyProc, each by its own released library on
// both sides, with a Go program that calls one Python process over a Unix socket. It is a module of its
// own, so that nobody who uses the main one pays for their dependencies.
package rivals

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/bench/peer"
)

// rival is one of them.
type rival struct {
	name   string
	script string
	// connect makes a caller of echo with one text. With shared, all callers share one connection, as
	// users of the library do; otherwise each has its own.
	connect func(socket, text string) (caller, error)
	shared  bool
	// single says that the Python side serves one connection, on which callers wait for each other.
	single bool
}

// caller calls echo once, from many goroutines at once where its rival is shared.
type caller interface {
	call() error
	Close() error
}

var (
	//go:embed pyproc.py
	pyprocScript string
	//go:embed viagrpc.py
	grpcScript string
	//go:embed msgpackrpc.py
	msgpackScript string
	//go:embed zeromq.py
	zeromqScript string
	//go:embed jsonrpc.py
	jsonrpcScript string
)

var rivals = []rival{
	{name: "pyproc-worker", script: pyprocScript, connect: connectPyproc, single: true},
	{name: "grpc", script: grpcScript, connect: connectGRPC, shared: true},
	{name: "msgpack-rpc", script: msgpackScript, connect: connectMsgpack, shared: true},
	{name: "zeromq", script: zeromqScript, connect: connectZeroMQ},
	{name: "json-rpc", script: jsonrpcScript, connect: connectJSON, shared: true},
}

// checkEcho says whether what came back is what was sent, by its size: a look at each byte would be
// work that the libraries do not do.
func checkEcho(got, want string) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes came back for %d", len(got), len(want))
	}
	return nil
}

// dial connects to a process that is bound but may not listen yet.
func dial(socket string) (net.Conn, error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(deadline) {
			return conn, err
		}
	}
}

// field is a process with as many callers as are asked for at most.
type field struct {
	rival   rival
	peer    *peer.Peer
	callers []caller
}

func (r rival) start() (*field, error) {
	p, err := peer.Start(r.script)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return &field{rival: r, peer: p}, nil
}

// caller is one that any number of goroutines, up to callers, can use at once.
func (f *field) caller(callers int, text string) (func() error, error) {
	f.disconnect()
	connections := callers
	if f.rival.shared || f.rival.single {
		connections = 1
	}
	for range connections {
		c, err := f.rival.connect(f.peer.Socket, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.rival.name, err)
		}
		f.callers = append(f.callers, c)
	}
	if callers == 1 || f.rival.shared {
		return f.callers[0].call, nil
	}
	free := make(chan caller, connections)
	for _, c := range f.callers {
		free <- c
	}
	return func() error {
		c := <-free
		defer func() { free <- c }()
		return c.call()
	}, nil
}

func (f *field) disconnect() {
	for _, c := range f.callers {
		_ = c.Close()
	}
	f.callers = nil
}

func (f *field) close() {
	f.disconnect()
	f.peer.Close()
}
