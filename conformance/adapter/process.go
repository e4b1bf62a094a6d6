package adapter

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

const (
	// maxLine is the longest line that the suite reads, in bytes. A payload of 10 MB makes a line of 21 MB.
	maxLine = 64 << 20
	// endTimeout is how long a process may take to end after its standard input has ended.
	endTimeout = 2 * time.Second
)

// process is one run of the program. It leads its own process group, so that a wrapper and what it started end together.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File
	stderr *tail
	over   chan struct{} // closed when it has ended and is reaped, and all its output has been read
	moved  atomic.Int64  // how many reads and writes of its pipes there were

	handling atomic.Int32 // how many lines the suite is encoding or decoding

	sending sync.Mutex // one line at a time

	mu      sync.Mutex
	why     string // the suite has killed it; empty if not
	lastTag int64
	pending map[int64]chan answer
	ended   error // why there are no more answers: a *Fault, or an *exit
}

// exit is the error of a process that ended without being asked to.
type exit struct {
	state  string // as the system reports it: "exit status 1", "signal: segmentation fault"
	stderr string
}

func (e *exit) Error() string {
	text := "the process ended: " + e.state
	if e.stderr != "" {
		text += "\nits standard error:\n" + e.stderr
	}
	return text
}

// start starts the program. What it writes to standard error also goes to all.
func start(command conformance.WorkerCommand, all *tail) (*process, error) {
	p := &process{stderr: newTail(all), over: make(chan struct{}), pending: map[int64]chan answer{}}
	var ours, theirs []*os.File
	defer func() { closeAll(theirs) }()
	pipe := func(weWrite bool) (our, their *os.File, err error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, err
		}
		our, their = r, w
		if weWrite {
			our, their = w, r
		}
		ours, theirs = append(ours, our), append(theirs, their)
		return our, their, nil
	}
	stdin, theirStdin, err1 := pipe(true)
	stdout, theirStdout, err2 := pipe(false)
	stderr, theirStderr, err3 := pipe(false)
	if err := errors.Join(err1, err2, err3); err != nil {
		closeAll(ours)
		return nil, err
	}
	p.stdin = stdin
	p.cmd = exec.Command(command.Path, command.Args...)
	p.cmd.Dir = command.Dir
	p.cmd.Env = append(os.Environ(), command.Env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirStdin, theirStdout, theirStderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		closeAll(ours)
		return nil, err
	}
	go p.attend(stdout, stderr)
	return p, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// attend reads what the process writes until it has ended, and reaps it.
func (p *process) attend(stdout, stderr *os.File) {
	defer close(p.over)
	var said sync.WaitGroup
	said.Go(func() { _, _ = io.Copy(p.stderr, stderr) })
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = p.cmd.Wait() // its state says how it ended
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		// A process that has left the group may hold the pipes open. Do not wait for it.
		deadline := time.Now().Add(endTimeout)
		_ = stdout.SetReadDeadline(deadline)
		_ = stderr.SetReadDeadline(deadline)
	}()
	problem := p.listen(bufio.NewReaderSize(counted{stdout, &p.moved}, 1<<16))
	p.kill() // it has closed its standard output, or must not go on
	<-exited
	said.Wait()
	_, _, _ = stdout.Close(), stderr.Close(), p.stdin.Close()
	if problem == nil {
		problem = &exit{p.cmd.ProcessState.String(), p.stderr.String()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != "" {
		problem = &exit{p.why, p.stderr.String()}
	}
	p.ended = problem
}

// listen passes answers on to the requests that wait for them. It returns nil when the output ends, and a *Fault if the
// process breaks the rules of ADAPTERS.md.
func (p *process) listen(out *bufio.Reader) error {
	for {
		line, err := readLine(out)
		if errors.Is(err, errLongLine) {
			return &Fault{Problem: fmt.Sprintf("printed a line of more than %d MB, which begins with %s", maxLine>>20, quote(line))}
		}
		if err != nil {
			return nil // how the process ended explains a line that broke off
		}
		p.handling.Add(1)
		var a answer
		err = json.Unmarshal(line, &a)
		p.handling.Add(-1)
		if err != nil || a.Tag == nil {
			return &Fault{Problem: fmt.Sprintf("printed something that is not an answer: %s (standard output is for answers alone; write anything else to standard error)", quote(line))}
		}
		a.line = line
		p.mu.Lock()
		waiting := p.pending[*a.Tag]
		delete(p.pending, *a.Tag)
		p.mu.Unlock()
		if waiting == nil {
			return &Fault{Problem: fmt.Sprintf("answered tag %d, for which no request waits: %s", *a.Tag, quote(line))}
		}
		waiting <- a
	}
}

var errLongLine = errors.New("the line is too long")

// readLine returns a line without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return line, errLongLine
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// question is a request that was sent.
type question struct {
	*process
	tag    int64
	answer chan answer
}

// send sends a request. It waits until the process reads.
func (p *process) send(do string, r request) (question, error) {
	q := question{process: p, answer: make(chan answer, 1)}
	p.mu.Lock()
	p.lastTag++
	q.tag = p.lastTag
	p.pending[q.tag] = q.answer
	p.mu.Unlock()
	r.Tag, r.Do = q.tag, do
	p.handling.Add(1)
	line, err := r.line()
	p.handling.Add(-1)
	if err != nil {
		q.forget()
		return q, fmt.Errorf("a request cannot be written: %w", err)
	}
	p.sending.Lock()
	defer p.sending.Unlock()
	// How the process ended explains an error.
	_, _ = counted{p.stdin, &p.moved}.Write(line)
	return q, nil
}

// forget stops waiting for the answer.
func (q question) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.pending, q.tag)
}

// wait waits for the answer, or until the context or the process ends.
func (q question) wait(ctx context.Context) (answer, error) {
	select {
	case a := <-q.answer:
		return a, nil
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	case <-q.over:
	}
	select {
	case a := <-q.answer: // the process answered before it ended
		return a, nil
	case <-ctx.Done(): // it was killed
		return answer{}, context.Cause(ctx)
	default:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return answer{}, q.ended
}

// ask sends a request and waits for its answer. If the context ends first, ask kills the process, which has not read the
// request or hangs.
func (p *process) ask(ctx context.Context, do string, r request) (answer, error) {
	defer context.AfterFunc(ctx, p.kill)()
	q, err := p.send(do, r)
	if err != nil {
		return answer{}, err
	}
	return q.wait(ctx)
}

// watchMemory ends the process if it and its descendants hold more than so many bytes before the context ends. Outside
// Linux it does nothing.
func (p *process) watchMemory(ctx context.Context, most int64) {
	if runtime.GOOS != "linux" {
		return
	}
	const interval = 200 * time.Millisecond // most requests are answered before the first look
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.over:
			return
		case <-ctx.Done():
			return
		}
		held := int64(0)
		for _, pid := range proc.Within(p.cmd.Process.Pid) {
			of, _ := proc.Of(pid)
			held += of.Memory.Resident
		}
		if held > most {
			p.mu.Lock()
			p.why = fmt.Sprintf(framer.TookTooMuch+" %d MB of memory, and %d MB is enough for any request", held>>20, most>>20)
			p.mu.Unlock()
			p.kill()
			return
		}
	}
}

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	select {
	case <-p.over:
		return false
	default:
		return true
	}
}

// kill ends the process group at once.
func (p *process) kill() {
	if p.alive() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// end closes the standard input of the process, waits for its end, and kills it if it takes too long.
func (p *process) end() {
	_ = p.stdin.Close()
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-p.over:
	case <-timer.C:
		p.kill()
		<-p.over
	}
}

// counted counts reads and writes. It writes in pieces that are small enough for a slow process to take quickly.
type counted struct {
	*os.File
	moved *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.moved.Add(1)
	return n, err
}

func (c counted) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		m, err = c.File.Write(b[:min(len(b), 1<<16)])
		n, b = n+m, b[m:]
		c.moved.Add(1)
	}
	return n, err
}
