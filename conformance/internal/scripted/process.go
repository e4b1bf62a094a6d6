package scripted

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
)

// The workers that the pool under test starts are this very program once more. A case gives the pool
// its own executable as PoolOptions.Program, the path of a small file named scriptedArgument as the
// argument, and the path of a control socket in the environment variable controlVariable. A process
// that finds that variable at its start is a scripted worker and never gets to main or to a test. It
// knows nothing of the protocol: it listens, accepts, writes and dies when the case tells it to, tells
// the case whatever happens to it, and ends when the control socket does, so that none is left behind.
const (
	ControlVariable = "PYPROCTEST_CONTROL"
	Argument        = "scripted-worker.py"
)

// Exit statuses of a scripted process that was not told one.
const (
	statusMisused  = 64 // the pool did not start it as PoolOptions asks
	statusCaseGone = 70 // the case is gone
)

// This must run before any test or main of the program does, hence an init.
func init() {
	control, scripted := os.LookupEnv(ControlVariable)
	meant := len(os.Args) == 2 && filepath.Base(os.Args[1]) == Argument
	switch {
	case scripted && meant:
		syscall.Exit(run(control))
	case scripted:
		fmt.Fprintf(os.Stderr, "pyproctest: started with the arguments %q; the pool must give PoolOptions.Argument and nothing else\n", os.Args[1:])
		syscall.Exit(statusMisused)
	case meant:
		fmt.Fprintf(os.Stderr, "pyproctest: %s is not set; the pool must add PoolOptions.Env to the environment\n", ControlVariable)
		syscall.Exit(statusMisused)
	}
}

// process is the process itself. Under mu nothing is read from a connection without being
// reported at once, so the case hears of events in the order in which they were taken in.
type process struct {
	control net.Conn
	path    string

	mu             sync.Mutex
	allowedChanged *sync.Cond    // allowed has changed
	conns          []*connection // all there ever were; number n at n-1
	allowed        int64         // what a new connection may read
}

func run(controlPath string) int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	control, err := net.Dial("unix", controlPath)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pyproctest: the case that this worker belongs to is gone: %v\n", err)
		return statusCaseGone
	}
	p := &process{control: control, path: os.Getenv("PYPROC_SOCKET_PATH"), allowed: ReadAll}
	p.allowedChanged = sync.NewCond(&p.mu)
	p.report(Message{Kind: EventHello, Data: fmt.Appendf(nil, "%d %s", os.Getpid(), p.path)})
	go func() {
		for s := range signals {
			p.report(Message{Kind: EventSignal, Data: []byte(s.String())})
		}
	}()
	orders := bufio.NewReaderSize(control, 64<<10)
	for {
		m, err := Read(orders)
		if err != nil {
			return statusCaseGone
		}
		p.carryOut(m)
	}
}

func (p *process) report(m Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reportLocked(m)
}

func (p *process) reportLocked(m Message) {
	if _, err := p.control.Write(m.Append(nil)); err != nil {
		syscall.Exit(statusCaseGone)
	}
}

// done confirms an order that asked for it.
func (p *process) done(order Message, err error) {
	if order.Tag == 0 {
		return
	}
	m := Message{Kind: EventDone, Tag: order.Tag}
	if err != nil {
		m.Data = []byte(err.Error())
	}
	p.report(m)
}

func (p *process) carryOut(m Message) {
	switch m.Kind {
	case OrderListen:
		p.done(m, p.listen())
	case OrderWrite, OrderClose:
		p.mu.Lock()
		c := p.conns[m.Conn-1]
		p.mu.Unlock()
		c.enqueue(m)
	case OrderReadOnly:
		p.readOnly(int64(binary.BigEndian.Uint64(m.Data)))
		p.done(m, nil)
	case OrderSync:
		p.readAllNow()
		p.done(m, nil)
	case OrderStderr:
		go func() { // a pool that does not read it must not keep other orders waiting
			_, err := os.Stderr.Write(m.Data)
			p.done(m, err)
		}()
	case OrderExit:
		syscall.Exit(int(m.Conn)) // at once: os.Exit takes a second where the race detector is on
	case OrderDie:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (p *process) listen() error {
	_ = os.Remove(p.path) // of the process that was there before [WRK-2]
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.path, Net: "unix"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(p.path, 0o600); err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			p.accepted(conn)
		}
	}()
	return nil
}

func (p *process) accepted(conn *net.UnixConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return
	}
	p.mu.Lock()
	c := &connection{p: p, conn: conn, raw: raw, number: uint32(len(p.conns) + 1), allowed: p.allowed}
	c.orderQueued = sync.NewCond(&c.queueMu)
	p.conns = append(p.conns, c)
	p.reportLocked(Message{Kind: EventAccepted, Conn: c.number})
	p.mu.Unlock()
	go c.read()
	go c.write()
}

func (p *process) readOnly(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = n
	for _, c := range p.conns {
		c.allowed = n
	}
	p.allowedChanged.Broadcast()
}

// readAllNow reports all that can be read at this moment.
func (p *process) readAllNow() {
	p.mu.Lock()
	conns := p.conns
	p.mu.Unlock()
	buf := make([]byte, 64<<10)
	for _, c := range conns {
		_ = c.raw.Control(func(fd uintptr) {
			for c.readOnce(fd, buf) {
			}
		})
	}
}

// connection is one connection of a scripted process.
type connection struct {
	p       *process
	conn    *net.UnixConn
	raw     syscall.RawConn
	number  uint32
	allowed int64 // bytes that may be read yet; under p.mu, as is ended
	ended   bool

	queueMu     sync.Mutex
	orderQueued *sync.Cond
	orders      []Message
}

// read reports what arrives until the connection ends.
func (c *connection) read() {
	buf := make([]byte, 64<<10)
	for {
		c.p.mu.Lock()
		for c.allowed == 0 && !c.ended {
			c.p.allowedChanged.Wait()
		}
		ended := c.ended
		c.p.mu.Unlock()
		if ended {
			_ = c.conn.Close()
			return
		}
		if err := c.raw.Read(func(fd uintptr) bool { return c.readOnce(fd, buf) || c.mustStop() }); err != nil {
			return // closed by orderClose, which has reported the end
		}
	}
}

func (c *connection) mustStop() bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.ended || c.allowed == 0
}

// readOnce reads once and reports what came. It returns false where there is nothing to read now, nothing
// may be read, or the connection has ended.
func (c *connection) readOnce(fd uintptr, buf []byte) bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.ended || c.allowed == 0 {
		return false
	}
	n, err := syscall.Read(int(fd), buf[:min(int64(len(buf)), c.allowed)])
	switch {
	case errors.Is(err, syscall.EINTR):
		return true
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		c.endLocked(err.Error())
		return false
	case n == 0:
		c.endLocked("closed by the pool")
		return false
	}
	if c.allowed != ReadAll {
		c.allowed -= int64(n)
	}
	c.p.reportLocked(Message{Kind: EventReceived, Conn: c.number, Data: buf[:n]})
	return true
}

func (c *connection) endLocked(how string) {
	if !c.ended {
		c.ended = true
		c.p.reportLocked(Message{Kind: EventEnded, Conn: c.number, Data: []byte(how)})
	}
	c.p.allowedChanged.Broadcast()
}

func (c *connection) enqueue(m Message) {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	c.orders = append(c.orders, m)
	c.orderQueued.Signal()
}

// write carries out the orders of this connection one after another, beside all others.
func (c *connection) write() {
	for {
		c.queueMu.Lock()
		for len(c.orders) == 0 {
			c.orderQueued.Wait()
		}
		m := c.orders[0]
		c.orders = c.orders[1:]
		c.queueMu.Unlock()
		if m.Kind == OrderClose {
			c.p.mu.Lock()
			c.endLocked("closed by the worker")
			c.p.mu.Unlock()
			c.p.done(m, c.conn.Close())
			return
		}
		_, err := c.conn.Write(m.Data)
		c.p.done(m, err)
	}
}
