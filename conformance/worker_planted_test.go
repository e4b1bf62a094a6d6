package conformance_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing/iotest"
	"time"
)

// plantedVariable makes this test binary a worker: a right one, with the faults (or the harmless oddities)
// that the variable names, separated by commas. It is written apart from the suite and shares no code
// with it.
const plantedVariable = "PYPROCTEST_PLANTED_WORKER"

func init() {
	if names, ok := os.LookupEnv(plantedVariable); ok {
		os.Exit(runPlantedWorker(strings.Split(names, ",")))
	}
}

const plantedMax = 10 << 20

type plantedWorker struct {
	planted  []string
	listener net.Listener
	running  atomic.Int64
	due      atomic.Int64 // handlers that run, and answers that have not left
	one      sync.Mutex   // held by what may run alone, under a fault or an oddity
	enhanced atomic.Bool  // a connection of the enhanced framing was seen
	stopping atomic.Bool  // a signal came
	turns    plantedTurns // of handlers, under a fault
	heed     func()       // has signals handled

	mu      sync.Mutex
	cancels map[string][]func() // of all connections, for "cancels-on-any-connection"
	ids     map[string]bool     // outstanding on any connection, for "ids-are-unique-in-the-worker"
	kept    []net.Conn          // that a fault never closes
	deaf    atomic.Bool         // nothing is sent any more, under a fault
	open    atomic.Int64        // connections
	leaving atomic.Int64        // answers that are being written
	newest  atomic.Bool         // the framing of the newest connection is enhanced
	serving map[*plantedConn]bool
	places  chan struct{} // of connections, under a fault
}

func newPlantedWorker(planted ...string) *plantedWorker {
	return &plantedWorker{planted: planted, cancels: map[string][]func(){}, ids: map[string]bool{}, serving: map[*plantedConn]bool{}, places: make(chan struct{}, 200)}
}

func (w *plantedWorker) has(name string) bool { return slices.Contains(w.planted, name) }

func runPlantedWorker(planted []string) int {
	w := newPlantedWorker(planted...)
	signals := make(chan os.Signal, 4)
	w.heed = sync.OnceFunc(func() { signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT) })
	if !w.has("heeds-signals-once-it-has-answered") {
		w.heed()
	}
	if w.has("odd: listens-late") {
		time.Sleep(500 * time.Millisecond)
	}
	path, err := w.listen()
	if err != nil {
		if !w.has("refuses-without-a-word") {
			fmt.Fprintln(os.Stderr, err)
		}
		if w.has("refuses-with-status-0") {
			return 0
		}
		return 1
	}
	if !w.has("outlives-its-parent") {
		go watchParent(os.Getppid(), path)
	}
	if !w.has("odd: knows-no-lifeline") && !w.has("looks-at-its-lifeline-once-it-has-served") {
		go watchLifeline(path)
	}
	go w.accept()
	return w.stop(<-signals, path)
}

// watchLifeline ends the worker at the end of its lifeline.
func watchLifeline(path string) {
	number, err := strconv.Atoi(os.Getenv("PYPROC_LIFELINE_FD"))
	if err != nil {
		return
	}
	_ = os.Unsetenv("PYPROC_LIFELINE_FD")
	syscall.CloseOnExec(number)
	_, _ = os.NewFile(uintptr(number), "lifeline").Read(make([]byte, 1))
	_ = os.Remove(path)
	os.Exit(0)
}

func watchParent(parent int, path string) {
	for range time.Tick(100 * time.Millisecond) {
		if os.Getppid() != parent {
			_ = os.Remove(path)
			os.Exit(0)
		}
	}
}

func (w *plantedWorker) listen() (path string, err error) {
	path, ok := os.LookupEnv("PYPROC_SOCKET_PATH")
	if !ok {
		if !w.has("listens-elsewhere-without-a-path") {
			return "", errors.New("PYPROC_SOCKET_PATH is not set")
		}
		w.listener, err = net.Listen("tcp", "127.0.0.1:0")
		return "", err
	}
	if w.has("ignores-the-path") {
		path += "x"
	}
	var stale os.FileMode
	switch info, err := os.Lstat(path); {
	case err != nil:
	case info.Mode().Type() != os.ModeSocket:
		if !w.has("removes-what-is-no-socket") && (info.Mode().IsRegular() || !w.has("removes-what-is-no-plain-file")) {
			return "", fmt.Errorf("%s is no socket", path)
		}
		_ = os.Remove(path)
	default:
		conn, err := net.Dial("unix", path)
		if err == nil {
			if w.has("an-owner-that-does-not-answer-is-none") {
				_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
				_, _ = conn.Write(plantedFrame(1, []byte(`{"id":1,"method":"health"}`)))
				_, err = conn.Read(make([]byte, 1))
			}
			_ = conn.Close()
		}
		full := errors.Is(err, syscall.EAGAIN) && !w.has("a-full-accept-queue-counts-as-stale")
		if (err == nil || full) && !w.has("takes-the-path-of-a-live-worker") {
			if w.has("removes-the-live-socket") {
				_ = os.Remove(path)
			}
			return "", fmt.Errorf("a live process owns %s", path)
		}
		if !w.has("keeps-the-stale-socket") {
			_ = os.Remove(path)
		}
		stale = info.Mode().Perm()
	}
	if !w.has("leaves-the-mode-to-the-umask") {
		syscall.Umask(0o177)
	}
	w.listener, err = net.Listen("unix", path)
	if err == nil && stale != 0 && w.has("keeps-the-mode-of-the-stale-socket") {
		err = os.Chmod(path, stale)
	}
	if err == nil && w.has("listens-with-a-backlog-of-1") {
		var raw syscall.RawConn
		if raw, err = w.listener.(*net.UnixListener).SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 1) })
		}
	}
	return path, err
}

func (w *plantedWorker) stop(s os.Signal, path string) int {
	w.stopping.Store(true)
	if w.has("a-second-signal-kills") {
		signal.Reset(syscall.SIGTERM, syscall.SIGINT)
	}
	if w.has("sigint-is-not-handled") && s == syscall.SIGINT {
		return 130
	}
	if w.has("sigterm-is-ignored") {
		select {}
	}
	if w.has("sigterm-leaves-the-socket") {
		w.listener.(*net.UnixListener).SetUnlinkOnClose(false)
	}
	if !w.has("accepts-after-sigterm") {
		_ = w.listener.Close()
	}
	grace := time.Second
	if w.has("grace-of-8s") {
		grace = 8 * time.Second
	}
	if w.has("waits-for-handlers-for-ever") {
		grace = time.Hour
	}
	status := 0
	end, tick := time.After(grace), time.Tick(20*time.Millisecond) // seldom: a worker that waits does not seem to be at work
	for waiting := !w.has("drops-handlers-at-sigterm"); waiting && w.due.Load() > 0; {
		select {
		case <-tick:
		case <-end:
			waiting = false
			if w.has("status-1-when-the-grace-runs-out") {
				status = 1
			}
		}
	}
	for w.open.Load() > 0 && w.has("waits-for-callers-to-leave") || w.leaving.Load() > 0 && w.has("answers-nobody-reads-hold-up-the-end") {
		<-tick
	}
	if w.has("accepts-after-sigterm") {
		_ = w.listener.Close()
	}
	if w.has("removes-the-path-again-at-its-end") {
		_ = os.Remove(path)
	}
	if w.has("sigterm-ends-with-status-1") {
		return 1
	}
	return status
}

func (w *plantedWorker) accept() {
	slots := make(chan struct{}, 20)
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		c := &plantedConn{w: w, conn: conn, in: bufio.NewReader(conn), outstanding: map[string]func(){}}
		if w.has("odd: reads-byte-by-byte") {
			c.in = bufio.NewReader(iotest.OneByteReader(conn))
		}
		if w.has("looks-at-its-lifeline-once-it-has-served") {
			go watchLifeline(w.listener.Addr().String())
		}
		if w.has("greets-its-callers") {
			go c.greet()
			continue
		}
		if w.has("serves-20-of-those-that-wait") {
			for i, waits := range w.waiting() {
				if i >= 20 {
					_ = waits.Close()
					continue
				}
				go (&plantedConn{w: w, conn: waits, in: bufio.NewReader(waits), outstanding: map[string]func(){}}).serve()
			}
		}
		switch {
		case w.has("one-connection-at-a-time"):
			c.serve()
		case w.has("serves-20-connections"):
			go func() {
				slots <- struct{}{}
				c.serve()
				<-slots
			}()
		case w.has("damaged-connections-keep-their-places"):
			go func() {
				w.places <- struct{}{}
				c.serve()
				if !c.damaged {
					<-w.places
				}
			}()
		default:
			go c.serve()
		}
	}
}

// waiting accepts all connections that wait at this moment.
func (w *plantedWorker) waiting() (all []net.Conn) {
	raw, err := w.listener.(*net.UnixListener).SyscallConn()
	for err == nil {
		accepted := -1
		if bad := raw.Control(func(fd uintptr) { accepted, _, err = syscall.Accept(int(fd)) }); bad != nil || err != nil {
			return all
		}
		f := os.NewFile(uintptr(accepted), "")
		var conn net.Conn
		conn, err = net.FileConn(f)
		_ = f.Close()
		if err == nil {
			all = append(all, conn)
		}
	}
	return all
}

// plantedTurns runs one handler at a time, and that of another connection only when the last one has none.
type plantedTurns struct {
	mu      sync.Mutex
	taken   bool
	waiting []plantedTurn
}

type plantedTurn struct {
	of    *plantedConn
	comes chan struct{}
}

func (ts *plantedTurns) take(c *plantedConn) {
	ts.mu.Lock()
	if !ts.taken {
		ts.taken = true
		ts.mu.Unlock()
		return
	}
	turn := plantedTurn{c, make(chan struct{})}
	ts.waiting = append(ts.waiting, turn)
	ts.mu.Unlock()
	<-turn.comes
}

func (ts *plantedTurns) pass(c *plantedConn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.waiting) == 0 {
		ts.taken = false
		return
	}
	next := max(0, slices.IndexFunc(ts.waiting, func(t plantedTurn) bool { return t.of == c }))
	close(ts.waiting[next].comes)
	ts.waiting = slices.Delete(ts.waiting, next, next+1)
}
