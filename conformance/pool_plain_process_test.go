package conformance_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

// environment is that of a worker.
func (p *plainPool) environment(socket string) []string {
	set := append(p.o.Env[:len(p.o.Env):len(p.o.Env)], "PYPROC_SOCKET_PATH="+socket)
	_, inherited := os.LookupEnv("PYPROC_SOCKET_PATH")
	switch {
	case p.has("own-environment-wins"):
		return append(set, os.Environ()...)
	case p.has("socket-path-set-where-unset") && inherited:
		return append(os.Environ(), p.o.Env...)
	}
	return append(os.Environ(), set...)
}

// connectionFiles are copies of all connections to workers, for the fault that hands them on.
func (p *plainPool) connectionFiles() (files []*os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		for _, c := range w.all {
			if f, err := c.conn.(*net.UnixConn).File(); err == nil {
				files = append(files, f)
			}
		}
	}
	return files
}

// plainOutput is what a process prints, and how its end is noticed.
type plainOutput struct {
	p       *plainPool
	again   bool // it was started anew
	tail    tail
	exited  chan struct{} // closed when the process has been reaped and what it printed is read
	ended   chan struct{} // closed when the process has been reaped
	isReady chan struct{} // closed when its start is over
	once    sync.Once
}

func (o *plainOutput) ready() { o.once.Do(func() { close(o.isReady) }) }

// startPiped starts the process with one pipe for all that it prints, or with two.
func startPiped(cmd *exec.Cmd, p *plainPool) (*plainOutput, error) {
	o := &plainOutput{p: p, tail: tail{head: p.has("error-with-the-beginning-of-stderr"), lines: p.has("a-last-line-without-its-end-is-lost"), whole: p.has("a-line-is-kept-until-it-ends")}, exited: make(chan struct{}), ended: make(chan struct{}), isReady: make(chan struct{})}
	p.mu.Lock()
	o.again = p.state == "running"
	p.mu.Unlock()
	pipes := 1
	if p.has("one-pipe-for-each-file") || p.has("stdout-is-piped-and-not-read") {
		pipes = 2
	}
	var mine, its []*os.File
	for range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		mine, its = append(mine, r), append(its, w)
	}
	cmd.Stdout, cmd.Stderr = its[0], its[pipes-1]
	err := cmd.Start()
	for _, w := range its {
		_ = w.Close()
	}
	if err != nil {
		giveBack := func() {
			for _, r := range mine {
				_ = r.Close()
			}
		}
		if p.has("a-program-that-cannot-be-run-leaks-its-pipes") {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.leaks = append(p.leaks, giveBack)
			return nil, err
		}
		giveBack()
		return nil, err
	}
	var read sync.WaitGroup
	for i, r := range mine {
		if i == 0 && p.has("stdout-is-piped-and-not-read") {
			read.Go(func() {
				<-o.ended
				_ = r.Close()
			})
			continue
		}
		read.Go(func() { o.read(r) })
	}
	go func() {
		_ = cmd.Wait()
		close(o.ended)
		if !p.has("writer-holds-up-the-end") && !p.has("an-end-waits-for-all-that-hold-the-output") {
			for _, r := range mine { // a process that it has started may still hold the other end
				_ = r.SetReadDeadline(time.Now().Add(time.Second))
			}
		}
		read.Wait()
		close(o.exited)
	}()
	return o, nil
}

func (o *plainOutput) read(r *os.File) {
	defer func() { _ = r.Close() }()
	buf := make([]byte, 32<<10)
	for total, line := 0, 0; ; {
		o.mayRead(total)
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		total += n
		_, _ = o.tail.Write(buf[:n])
		if line += n; bytes.IndexByte(buf[:n], '\n') >= 0 {
			line = n - 1 - bytes.LastIndexByte(buf[:n], '\n')
		}
		if line > 64<<10 && o.p.has("a-long-line-ends-the-reading") {
			<-o.ended
			return
		}
		if o.p.o.Output == nil {
			continue
		}
		if o.p.has("writer-holds-up-the-end") {
			_, _ = o.p.o.Output.Write(buf[:n])
			continue
		}
		select {
		case o.p.printed <- append([]byte(nil), buf[:n]...):
		default: // dropped
		}
	}
}

// mayRead waits while a fault keeps the pool from reading.
func (o *plainOutput) mayRead(total int) {
	p := o.p
	p.mu.Lock()
	closed := p.state == "closed"
	p.mu.Unlock()
	switch {
	case o.again && p.has("output-of-restarted-workers-is-not-read"), p.deaf.Load():
		<-o.ended
	case p.has("output-unread-during-start"):
		select {
		case <-o.isReady:
		case <-o.ended:
		}
	case p.has("output-unread-in-shutdown") && closed, p.has("output-read-up-to-400k") && total > 400<<10:
		<-o.ended
	}
}

// passOutputOn hands what workers print to the user's writer, until the pool ends.
func (p *plainPool) passOutputOn(life context.Context) {
	if p.o.Output == nil {
		return
	}
	go func() {
		for {
			select {
			case b := <-p.printed:
				if _, err := p.o.Output.Write(b); err != nil && p.has("a-writer-that-fails-ends-the-reading") {
					p.deaf.Store(true)
				}
			case <-life.Done():
				return
			}
		}
	}()
}
