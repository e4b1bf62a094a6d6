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

// The pool under test starts this same program again as its workers. A case gives the pool its own executable as
// PoolOptions.Program, the path of a small file named Argument as PoolOptions.Argument, and the path of a control socket
// in the environment variable ControlVariable. A process that finds this variable when it starts is a scripted worker and
// never reaches main or a test. It knows nothing of the protocol: it listens, accepts, writes and dies when the case
// orders it to, and reports every event to the case. It exits when the control socket ends, so that none is left behind.
const (
	ControlVariable = "PYPROCTEST_CONTROL"
	Argument        = "scripted-worker.py"
)

// Exit statuses of a scripted process that exits without an order.
const (
	statusMisused  = 64 // the pool did not start it as PoolOptions asks
	statusCaseGone = 70 // the case has ended
)

// init runs before any test or main of the program, which must not run in a scripted worker.
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

// process is the state of a scripted process. What is read from a connection is reported while mu is still held, so the
// case gets events in the order in which they were read.
type process struct {
	control net.Conn
	path    string
	bound   *os.File // the socket, from the order to bind to the order to listen

	mu             sync.Mutex
	allowedChanged *sync.Cond    // allowed has changed
	conns          []*connection // all there ever were; number n at n-1
	allowed        int64         // what a new connection may read
}

// run connects to the case and carries out its orders until the control socket ends. It returns the exit status.
func run(controlPath string) int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	inherited := inheritedPeers()
	control, err := net.Dial("unix", controlPath)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pyproctest: the case that this worker belongs to has ended: %v\n", err)
		return statusCaseGone
	}
	p := &process{control: control, path: os.Getenv("PYPROC_SOCKET_PATH"), allowed: ReadAll}
	p.allowedChanged = sync.NewCond(&p.mu)
	p.report(Message{Kind: EventHello, Data: fmt.Appendf(nil, "%d %s", os.Getpid(), p.path)})
	for _, peer := range inherited {
		p.report(Message{Kind: EventInherited, Data: []byte(peer)})
	}
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

// inheritedPeers returns the paths of the Unix sockets to which this process has connections before it makes any.
func inheritedPeers() (paths []string) {
	const highest = 1024 // a pool of the tests has far fewer descriptors
	for fd := 3; fd < highest; fd++ {
		if peer, err := syscall.Getpeername(fd); err == nil {
			if unix, ok := peer.(*syscall.SockaddrUnix); ok && unix.Name != "" {
				paths = append(paths, unix.Name)
			}
		}
	}
	return paths
}

// report sends an event to the case. It exits the process if the case has ended.
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

// done confirms an order if it has a tag.
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

// carryOut carries out one order. Orders for a connection are carried out by the goroutine that writes on it.
func (p *process) carryOut(m Message) {
	switch m.Kind {
	case OrderListen:
		p.done(m, p.listen())
	case OrderBind:
		p.done(m, p.bind())
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
		go p.print(os.Stderr, m)
	case OrderStdout:
		go p.print(os.Stdout, m)
	case OrderExit:
		syscall.Exit(int(m.Conn)) // not os.Exit, which takes a second with the race detector
	case OrderDie:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// print writes the data of an order to a file. It has a goroutine of its own, because other orders must go on while the
// pool does not read what the process prints.
func (p *process) print(to *os.File, order Message) {
	_, err := to.Write(order.Data)
	p.done(order, err)
}

// bind makes the socket at the worker's path: its file is there, and a connection is refused.
func (p *process) bind() error {
	_ = os.Remove(p.path) // the file of an earlier process [WRK-2]
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: p.path}); err != nil {
		return os.NewSyscallError("bind", errors.Join(err, syscall.Close(fd)))
	}
	p.bound = os.NewFile(uintptr(fd), p.path)
	return os.Chmod(p.path, 0o600)
}

// listen listens at the worker's path and accepts connections in a goroutine.
func (p *process) listen() error {
	if p.bound == nil {
		if err := p.bind(); err != nil {
			return err
		}
	}
	if err := syscall.Listen(int(p.bound.Fd()), syscall.SOMAXCONN); err != nil {
		return os.NewSyscallError("listen", err)
	}
	generic, err := net.FileListener(p.bound)
	if err != nil {
		return err
	}
	_ = p.bound.Close() // the listener has a descriptor of its own
	p.bound = nil       // to listen once more is to bind anew
	listener := generic.(*net.UnixListener)
	listener.SetUnlinkOnClose(false)
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

// accepted reports a new connection and starts to read and write it.
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

// readOnly allows n more bytes to be read from each connection, also from later ones.
func (p *process) readOnly(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = n
	for _, c := range p.conns {
		c.allowed = n
	}
	p.allowedChanged.Broadcast()
}

// readAllNow reads and reports everything that can be read without waiting.
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
	allowed int64 // bytes that may still be read; under p.mu, like ended
	ended   bool

	queueMu     sync.Mutex
	orderQueued *sync.Cond
	orders      []Message
}

// read reads and reports what arrives until the connection ends.
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
			return // closed by OrderClose, which has reported the end
		}
	}
}

// mustStop reports whether nothing more may be read at the moment.
func (c *connection) mustStop() bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.ended || c.allowed == 0
}

// readOnce reads once and reports what it got. It returns false if there is nothing to read now, if nothing may be read,
// or if the connection has ended.
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

// endLocked reports once that the connection has ended, and how.
func (c *connection) endLocked(how string) {
	if !c.ended {
		c.ended = true
		c.p.reportLocked(Message{Kind: EventEnded, Conn: c.number, Data: []byte(how)})
	}
	c.p.allowedChanged.Broadcast()
}

// enqueue leaves an order to the goroutine that writes on the connection.
func (c *connection) enqueue(m Message) {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	c.orders = append(c.orders, m)
	c.orderQueued.Signal()
}

// write carries out the orders for this connection one after another, until one closes it. Other connections go on.
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
