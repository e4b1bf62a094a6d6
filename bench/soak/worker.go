package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// The environment of workers.
const (
	workerVariable   = "SOAK_WORKER"    // set: this program is the Go worker
	markVariable     = "SOAK_MARK"      // the soak and the part that a process belongs to
	journalVariable  = "SOAK_JOURNAL"   // the folder to write down in what was run
	failVariable     = "SOAK_FAIL"      // how to fail at the start: "exit", "silent", or "one" for one worker of the pool
	failOnceVariable = "SOAK_FAIL_ONCE" // a folder that the one makes
	plantVariable    = "SOAK_PLANT"     // a fault, in tests: "wrong", "another", "child"
)

// worker is the Go worker of the soak. Each request runs in a goroutine of its own. Like the Python one it
// writes down what it runs, before it answers, and misbehaves when it is asked to.
type worker struct {
	journal *os.File
	plant   string

	mu          sync.Mutex
	connections map[net.Conn]bool
	running     sync.WaitGroup
	before      json.RawMessage // the body before, for the plant
}

// body is that of all requests.
type body struct {
	N     uint64  `json:"n"`
	MS    float64 `json:"ms,omitempty"`
	Pad   string  `json:"pad"`
	Spare int     `json:"spare,omitempty"` // the process that is not to misbehave

	Enhanced bool `json:"enhanced,omitempty"` // the framing of the frame to cut
}

func serveWorker() error {
	switch os.Getenv(failVariable) {
	case "one":
		if os.Mkdir(os.Getenv(failOnceVariable), 0o700) == nil {
			return errors.New("this worker was asked to fail")
		}
	case "exit":
		return errors.New("this worker was asked to fail")
	case "silent":
		endWithParent()
	}
	w := &worker{plant: os.Getenv(plantVariable), connections: map[net.Conn]bool{}}
	if err := w.openJournal(os.Getenv(journalVariable)); err != nil {
		return err
	}
	if w.plant == "child" {
		child := exec.Command("sleep", "600")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return err
		}
	}
	return w.serve(os.Getenv(pool.SocketPathVariable))
}

func (w *worker) openJournal(folder string) (err error) {
	path := os.DevNull
	if folder != "" {
		path = filepath.Join(folder, fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()))
	}
	w.journal, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

func (w *worker) serve(path string) error {
	if path == "" {
		return errors.New(pool.SocketPathVariable + " is not set [WRK-3]")
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	context.AfterFunc(stopped, func() { _ = listener.Close() }) // which removes the socket
	go endWithParent()
	for {
		conn, err := listener.Accept()
		if stopped.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.connections[conn] = true
		w.mu.Unlock()
		go w.read(conn)
	}
	idle := make(chan struct{})
	go func() {
		w.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-time.After(2 * time.Second):
	}
	return nil
}

// endWithParent ends the process when the one that started it is gone [WRK-19].
func endWithParent() {
	parent := os.Getppid()
	for range time.Tick(time.Second) {
		if os.Getppid() != parent {
			os.Exit(0)
		}
	}
}

// read serves one connection until it ends.
func (w *worker) read(conn net.Conn) {
	defer func() {
		w.mu.Lock()
		delete(w.connections, conn)
		w.mu.Unlock()
		_ = conn.Close()
	}()
	stream := bufio.NewReader(conn)
	options := frame.Options{Framing: frame.Basic}
	if first, err := stream.Peek(2); err != nil {
		return
	} else if first[0] == frame.MagicByte1 && first[1] == frame.MagicByte2 {
		options.Framing = frame.Enhanced
	}
	in, errIn := frame.NewReader(stream, options)
	out, errOut := frame.NewWriter(conn, options)
	if errors.Join(errIn, errOut) != nil {
		return
	}
	for {
		f, err := in.ReadFrameOwned()
		if err != nil {
			return
		}
		request, err := message.ParseRequest(f.Payload)
		if errors.Is(err, message.ErrType) {
			continue // a cancellation; the answer may still be sent [CAN-6]
		}
		w.running.Go(func() {
			answer := []byte(nil)
			if err == nil && options.Framing == frame.Enhanced && f.RequestID != request.ID {
				_ = conn.Close() // [MSG-13]
				return
			}
			if err == nil {
				answer, err = w.handle(request)
			}
			id := request.ID
			if err != nil {
				answer = message.AppendErrorResponse(nil, id, err.Error())
			} else {
				answer = message.AppendResponse(nil, id, answer)
			}
			_ = out.WriteFrame(id, answer) // a caller that has left is no matter
		})
	}
}

func (w *worker) handle(r message.Request) ([]byte, error) {
	var b body
	if r.Method != "health" {
		if err := json.Unmarshal(r.Body, &b); err != nil {
			return nil, err
		}
	}
	switch r.Method {
	case "health":
		return fmt.Appendf(nil, `{"status":"healthy","pid":%d}`, os.Getpid()), nil
	case "run":
		return w.spoiled(r.Body), w.writeDown(b.N)
	case "wait":
		err := w.writeDown(b.N)
		time.Sleep(time.Duration(b.MS * float64(time.Millisecond))) // that is what it is for
		return r.Body, err
	case "fail":
		if err := w.writeDown(b.N); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("#%d#", b.N)
	case "garbage":
		w.misbehave(b, []byte("PX\xff\xff\xff\xff what is no frame in any framing"), false)
		return nil, nil
	case "half":
		piece := []byte("\x00\x00\x01\x00{")
		if b.Enhanced {
			piece = []byte("PY\x00\x00\x01\x00\x00\x00")
		}
		w.misbehave(b, piece, true)
		return nil, nil
	}
	return nil, fmt.Errorf("unknown method %q", r.Method)
}

func (w *worker) writeDown(n uint64) error {
	_, err := w.journal.Write(binary.LittleEndian.AppendUint64(nil, n))
	return err
}

// misbehave writes to every connection what no worker should, and may end them.
func (w *worker) misbehave(b body, data []byte, end bool) {
	if b.Spare == os.Getpid() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.connections {
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write(data)
		_ = conn.SetWriteDeadline(time.Time{})
		if end {
			_ = conn.Close()
		}
	}
}

// spoiled is the body of an answer, which a plant changes once in a while.
func (w *worker) spoiled(of json.RawMessage) json.RawMessage {
	if w.plant != "wrong" && w.plant != "another" {
		return of
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.before
	w.before = of
	var b body
	if before == nil || json.Unmarshal(of, &b) != nil || b.N%50 != 0 {
		return of
	}
	if w.plant == "another" {
		return before
	}
	b.Pad += "!"
	changed, err := json.Marshal(b)
	if err != nil {
		return of
	}
	return changed
}
