package explore

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

// Canary is a right process beside the subject. As long as it is served in time, the machine is not to blame for what does
// not come. It is a scripted worker that is asked again and again to confirm that it has nothing to report.
type Canary struct {
	cmd  *exec.Cmd
	conn net.Conn
	dir  string
	last atomic.Int64 // when it answered last, in Unix nanoseconds
	seen int64        // the answer that the last look found
}

// StartCanary starts the canary.
func StartCanary() (*Canary, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := suite.SocketDir()
	if err != nil {
		return nil, err
	}
	c := &Canary{dir: dir}
	if err := c.start(program); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return c, nil
}

func (c *Canary) start(program string) error {
	control := filepath.Join(c.dir, "canary")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: control, Net: "unix"})
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	c.cmd = exec.Command(program, filepath.Join(c.dir, scripted.Argument))
	c.cmd.Env = append(os.Environ(), scripted.ControlVariable+"="+control)
	if err := c.cmd.Start(); err != nil {
		return err
	}
	if err := listener.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if c.conn, err = listener.Accept(); err != nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		return err
	}
	go c.ask()
	return nil
}

// ask asks the canary and waits for its answer, again and again, with a pause between so that it costs nothing.
func (c *Canary) ask() {
	const pause = 5 * time.Millisecond
	events := bufio.NewReader(c.conn)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range tick.C {
		order := scripted.Message{Kind: scripted.OrderSync, Tag: 1}
		if _, err := c.conn.Write(order.Append(nil)); err != nil {
			return
		}
		for {
			m, err := scripted.Read(events)
			if err != nil {
				return
			}
			if m.Kind == scripted.EventDone {
				break
			}
		}
		c.last.Store(time.Now().UnixNano())
	}
}

// served reports whether the canary has answered since the last look.
func (c *Canary) served() bool {
	if c == nil {
		return true
	}
	last := c.last.Load()
	fresh := last != c.seen
	c.seen = last
	return fresh
}

// Close ends the canary.
func (c *Canary) Close() {
	_ = c.conn.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	_ = os.RemoveAll(c.dir)
}
