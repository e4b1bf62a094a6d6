//go:build !gofuzz

package fuzz

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// python is one process that lives as long as the test binary, and is asked over its standard input
// and output. PYPROCTEST_PYTHON chooses the interpreter.
type python struct {
	start  sync.Once
	failed error

	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// openPython is one that gives back what it holds at cleanup.
func openPython(cleanup func(func())) *python {
	p := new(python)
	cleanup(p.close)
	return p
}

func (p *python) launch() error {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return errors.New("where this package's source is, is unknown")
	}
	here := filepath.Dir(file)
	interpreter := os.Getenv("PYPROCTEST_PYTHON")
	if interpreter == "" {
		interpreter = "python3"
	}
	cmd := exec.Command(interpreter, filepath.Join(here, "python_codec.py"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(here, "..", "pyworker", "src"), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.in, p.out = cmd, in, bufio.NewReader(out)
	return nil
}

// close ends the process, and waits for it.
func (p *python) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.in.Close()
		_ = p.cmd.Wait() // whatever went wrong, an answer was missing before
	}
}

func (p *python) ask(question []byte) ([]byte, error) {
	p.start.Do(func() { p.failed = p.launch() })
	if p.failed != nil {
		return nil, fmt.Errorf("the Python codec cannot be asked: %w", p.failed)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.in.Write(question); err != nil {
		return nil, fmt.Errorf("the Python codec takes no question: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(p.out, size[:]); err != nil {
		return nil, fmt.Errorf("the Python codec gave no answer: %w", err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(p.out, answer); err != nil {
		return nil, fmt.Errorf("the Python codec broke off its answer: %w", err)
	}
	return answer, nil
}

// read is the Python codec's reading of a stream, whose pieces all have the size of the first. What
// it reads it also writes, and that must be the same bytes.
func (p *python) read(s stream) (verdict, error) {
	step, size := 1, 0
	if len(s.pieces) > 0 {
		step = max(1, len(s.pieces[0]))
	}
	for _, piece := range s.pieces {
		size += len(piece)
	}
	q := []byte{'S', byte(s.framing)}
	q = binary.BigEndian.AppendUint32(q, uint32(s.maxPayload))
	q = binary.BigEndian.AppendUint32(q, uint32(step))
	q = binary.BigEndian.AppendUint32(q, uint32(size))
	for _, piece := range s.pieces {
		q = append(q, piece...)
	}
	answer, err := p.ask(q)
	if err != nil {
		return verdict{}, err
	}
	take := func(n int) []byte {
		b := answer[:n]
		answer = answer[n:]
		return b
	}
	number := func() int { return int(binary.BigEndian.Uint32(take(4))) }
	var v verdict
	for range number() {
		f := frame.Frame{RequestID: binary.BigEndian.Uint64(take(8))}
		f.Payload = take(number())
		if encoded := take(number()); string(encoded) != string(appendFrame(nil, s.framing, f)) {
			return v, fmt.Errorf("[FRM-1] Python writes frame %d %x as %x", f.RequestID, f.Payload, encoded)
		}
		v.frames = append(v.frames, f)
	}
	v.kind = string(answer)
	return v, nil
}

// malformed says why the Python worker takes a message for no JSON in UTF-8, "" if it does not.
func (p *python) malformed(payload []byte) (string, error) {
	q := binary.BigEndian.AppendUint32([]byte{'M'}, uint32(len(payload)))
	answer, err := p.ask(append(q, payload...))
	return string(answer), err
}
