package fresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

// pool has one connection to each worker, and one call at a time on it.
type pool struct {
	options conformance.PoolOptions
	idle    chan *worker
	all     []*worker
}

type worker struct {
	cmd  *exec.Cmd
	conn net.Conn
	framer
	id uint64
}

func openPool(o conformance.PoolOptions) (conformance.Pool, error) {
	return &pool{options: o, idle: make(chan *worker, o.Workers)}, nil
}

func (p *pool) Start(ctx context.Context) error {
	for i := range p.options.Workers {
		path := filepath.Join(p.options.SocketDir, fmt.Sprint(i))
		cmd := exec.Command(p.options.Program, p.options.Argument)
		cmd.Env = append(os.Environ(), "PYPROC_SOCKET_PATH="+path)
		if err := cmd.Start(); err != nil {
			return err
		}
		conn, err := net.Dial("unix", path)
		for ; err != nil && ctx.Err() == nil; conn, err = net.Dial("unix", path) {
			time.Sleep(time.Millisecond) // a worker says nowhere else that it listens
		}
		if err != nil {
			return err
		}
		w := &worker{cmd: cmd, conn: conn, framer: *openFramer(conn, conformance.FramerOptions{Framing: p.options.Framing}).(*framer)}
		p.all = append(p.all, w)
		p.idle <- w
	}
	return nil
}

func (p *pool) Call(_ context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	w := <-p.idle
	defer func() { p.idle <- w }()
	w.id++
	request, err := json.Marshal(map[string]any{"id": w.id, "method": method, "body": body})
	if err != nil {
		return nil, err
	}
	if err := w.WriteFrame(w.id, request); err != nil {
		return nil, err
	}
	frame, err := w.ReadFrame()
	if err != nil {
		return nil, err
	}
	var answer struct {
		ID    uint64
		OK    bool
		Body  json.RawMessage
		Error string
	}
	if err := json.Unmarshal(frame.Payload, &answer); err != nil {
		return nil, err
	}
	if answer.ID != w.id || !answer.OK {
		return nil, errors.New("no answer to this call: " + answer.Error)
	}
	return answer.Body, nil
}

func (p *pool) Health() conformance.Health { return conformance.Health{Total: p.options.Workers} }

func (p *pool) Shutdown(context.Context) error {
	var all sync.WaitGroup
	for _, w := range p.all {
		all.Go(func() {
			_ = w.conn.Close()
			_ = w.cmd.Process.Signal(syscall.SIGTERM)
			_ = w.cmd.Wait()
		})
	}
	all.Wait()
	return nil
}
