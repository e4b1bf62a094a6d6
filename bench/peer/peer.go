// Package peer starts the Python processes that benchmarks speak to.
package peer

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Peer is a Python process that runs a script. The script imports peer.py, which says where to listen,
// passes on that it does, and ends the process when the one that started it ends.
type Peer struct {
	Socket string // its path
	Note   string // what the script said with ready()

	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *tail
	dir    string
}

//go:embed peer.py
var module []byte

// Python is the interpreter of all Python processes: PYPROCTEST_PYTHON, or else python3.
func Python() string {
	if p := os.Getenv("PYPROCTEST_PYTHON"); p != "" {
		return p
	}
	return "python3"
}

// Start runs a script, given as its text, and returns once it has called ready().
func Start(script string, args ...string) (*Peer, error) {
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		return nil, err
	}
	main := filepath.Join(dir, "main.py")
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "peer.py"), module, 0o600),
		os.WriteFile(main, []byte(script), 0o600),
	); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &Peer{Socket: filepath.Join(dir, "s"), dir: dir, stderr: &tail{}}
	p.cmd = exec.Command(Python(), append([]string{main, p.Socket}, args...)...)
	p.cmd.Stderr = p.stderr
	stdin, errIn := p.cmd.StdinPipe()
	stdout, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.stdin = stdin
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	said, note, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if p.Note = note; said != "ready" {
		p.Close()
		return nil, fmt.Errorf("a Python process of the benchmarks did not become ready: %s", strings.TrimSpace(p.stderr.String()))
	}
	return p, nil
}

// PID is its process ID.
func (p *Peer) PID() int { return p.cmd.Process.Pid }

// Close ends the process and waits until it has.
func (p *Peer) Close() {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // that it was killed is known
	_ = os.RemoveAll(p.dir)
}

// tail keeps the end of what is written to it, which is where Python says what went wrong.
type tail struct{ end []byte }

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.end = append(t.end, b...)
	t.end = t.end[max(0, len(t.end)-tailSize):]
	return len(b), nil
}

func (t *tail) String() string { return string(t.end) }
