package conformance_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type plantedConn struct {
	w         *plantedWorker
	conn      net.Conn
	in        *bufio.Reader
	enhanced  bool
	silent    bool          // it ended before its first byte
	damaged   bool          // it ended with an error
	frames    int           // read
	begun     int           // requests
	reads     int           // of the connection, as far as a frame began one
	latest    atomic.Uint64 // the ID in the header of the frame read last
	refused   int           // messages that cannot be read as a request
	dropsNext bool          // the next request, under a fault
	due       atomic.Int64  // as that of the worker, for this connection
	slots     chan struct{} // of the requests that a fault reads at most, as long as they are not answered
	last      chan struct{} // closed when the answer to the latest message has left, under an oddity
	stack     []byte        // of the thread that an oddity has wait for the rest of a payload

	writing sync.Mutex
	held    [][]byte // answers that an oddity sends late

	mu          sync.Mutex
	outstanding map[string]func() // cancels the request of that ID
	came        map[string]int    // in which read, for the fault that loses cancellations
	newest      string            // the ID of the request that began last, for the fault that cancels no other
}

var errPlantedFraming = errors.New("a framing error")

func (c *plantedConn) serve() {
	defer func() {
		if c.stack != nil {
			_ = syscall.Munmap(c.stack)
		}
	}()
	c.w.enter(c)
	defer c.w.leave(c)
	err := c.read()
	c.damaged = err != nil
	busy := c.due.Load() > 0
	if err != nil && c.w.has("a-failed-connection-cancels-the-handlers-of-all") {
		c.w.cancelAll()
	}
	if err == nil { // the caller closed its sending half, or went away
		if c.w.has("closes-at-half-close") {
			_ = c.conn.Close()
		}
		looked := false
		for tick := time.Tick(20 * time.Millisecond); c.due.Load() > 0; <-tick {
			if looked && c.w.has("looks-once-whether-its-caller-is-gone") {
				continue
			}
			looked = true
			if !c.w.has("lets-the-handlers-of-gone-callers-run") && c.gone() {
				c.cancelAll()
			}
		}
	} else {
		c.cancelAll()
	}
	switch {
	case errors.Is(err, errPlantedFraming) && c.w.has("crashes-at-framing-errors"):
		os.Exit(3)
	case errors.Is(err, errPlantedFraming) && c.w.has("keeps-connections-open-after-framing-errors"),
		errors.Is(err, errPlantedFraming) && busy && c.w.has("keeps-busy-connections-open-after-framing-errors"):
		_, _ = io.Copy(io.Discard, c.in)
	case errors.Is(err, errPlantedFraming) && c.w.has("odd: says-what-is-wrong-before-it-closes"):
		c.send(0, []byte(`{"id":0,"ok":false,"error":"a framing error"}`))
	case err == nil && c.w.has("keeps-the-descriptors-of-ended-connections"),
		c.silent && c.w.has("keeps-the-descriptors-of-silent-connections"),
		errors.Is(err, errPlantedFraming) && c.w.has("keeps-the-descriptors-of-cut-off-frames") && c.gone():
		c.w.mu.Lock()
		c.w.kept = append(c.w.kept, c.conn)
		c.w.mu.Unlock()
		return
	}
	_ = c.conn.Close()
}

func (w *plantedWorker) enter(c *plantedConn) {
	w.open.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving[c] = true
}

func (w *plantedWorker) leave(c *plantedConn) {
	w.open.Add(-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.serving, c)
}

// cancelAll cancels the handlers of all connections, under a fault.
func (w *plantedWorker) cancelAll() {
	w.mu.Lock()
	all := slices.Collect(maps.Keys(w.serving))
	w.mu.Unlock()
	for _, c := range all {
		c.cancelAll()
	}
}

// greet serves a connection on which the worker says something before it was asked. It says it in the framing of the caller.
func (c *plantedConn) greet() {
	start, err := c.in.Peek(2)
	if err == nil {
		c.enhanced = string(start) == "PY"
		c.send(0, []byte(`{"id":0,"ok":true,"body":"welcome"}`))
	}
	c.serve()
}

// gone reports whether nothing can be written to the caller any more: it has closed more than its sending
// half.
func (c *plantedConn) gone() bool {
	raw, err := c.conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return true
	}
	var sent error
	err = raw.Control(func(fd uintptr) { _, sent = syscall.SendmsgN(int(fd), nil, nil, nil, 0) })
	return err != nil || errors.Is(sent, syscall.EPIPE)
}

// owe counts a handler that begins or an answer that is to leave, and with -1 that it has.
func (c *plantedConn) owe(n int64) {
	c.due.Add(n)
	c.w.due.Add(n)
}

func (c *plantedConn) cancelAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.outstanding {
		cancel()
	}
}

func (c *plantedConn) read() error {
	if c.w.has("takes-the-first-two-bytes-to-come-together") {
		if _, err := c.in.Peek(1); err == nil && c.in.Buffered() < 2 {
			return errPlantedFraming
		}
	}
	start, err := c.in.Peek(2)
	if len(start) == 0 {
		c.silent = true
		return nil
	}
	if err != nil {
		return errPlantedFraming
	}
	c.enhanced = string(start) == "PY"
	if c.enhanced && c.w.has("basic-only") || !c.enhanced && c.w.has("enhanced-only") {
		return errPlantedFraming
	}
	if c.enhanced {
		c.w.enhanced.Store(true)
	} else if c.w.has("keeps-to-enhanced-once-seen") && c.w.enhanced.Load() {
		c.enhanced = true
	}
	c.w.newest.Store(c.enhanced)
	for {
		id, payload, err := c.readFrame()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.frames++
		if c.frames > 1 && c.w.has("closes-after-one-request") {
			return io.ErrUnexpectedEOF
		}
		if err := c.receive(id, payload); err != nil {
			if c.w.has("reads-a-frame-more-after-a-violation") {
				if id, payload, bad := c.readFrame(); bad == nil {
					_ = c.receive(id, payload)
				}
			}
			return err
		}
	}
}

func (c *plantedConn) readFrame() (id uint64, payload []byte, err error) {
	size := 4
	if c.enhanced {
		size = 18
	}
	if c.in.Buffered() == 0 {
		c.reads++
	}
	h := make([]byte, size)
	n, err := io.ReadFull(c.in, h)
	switch {
	case n == 0 && err != nil:
		return 0, nil, io.EOF
	case err != nil && c.w.has("crashes-at-a-cut-off-header"):
		panic(err)
	case err != nil:
		return 0, nil, errPlantedFraming
	}
	length := uint64(binary.BigEndian.Uint32(h))
	if c.enhanced {
		for string(h[:2]) != "PY" {
			if c.w.has("magic-is-looked-at-once") && c.frames > 0 {
				break
			}
			if !c.w.has("scans-for-the-next-magic") {
				return 0, nil, errPlantedFraming
			}
			b, err := c.in.ReadByte()
			if err != nil {
				return 0, nil, io.EOF
			}
			h = append(h[1:], b)
		}
		length = uint64(binary.BigEndian.Uint32(h[2:]))
		id = binary.BigEndian.Uint64(h[6:])
		if length < 18 && !c.w.has("short-lengths-mean-no-payload") {
			return 0, nil, errPlantedFraming
		}
		length = max(length, 18) - 18
	}
	limit := uint64(plantedMax)
	if c.w.has("maximum-counts-the-header") {
		limit -= uint64(size)
	}
	if length > limit && !c.w.has("no-maximum") {
		if c.w.has("too-large-frames-are-read-to-their-end-first") {
			_, _ = io.CopyN(io.Discard, c.in, int64(length))
		}
		return 0, nil, errPlantedFraming
	}
	payload, err = c.readPayload(int(length))
	if err != nil {
		return 0, nil, err
	}
	if c.enhanced && c.w.wrongChecksum(crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)), binary.BigEndian.Uint32(h[14:]), len(payload)) {
		if c.w.has("drops-frames-with-a-bad-checksum") {
			return c.readFrame()
		}
		return 0, nil, errPlantedFraming
	}
	return id, payload, nil
}

// wrongChecksum compares the checksum of a payload of that length with that of its header.
func (w *plantedWorker) wrongChecksum(has, header uint32, length int) bool {
	switch {
	case w.has("checksum-is-not-compared"),
		w.has("checksum-of-empty-payloads-is-not-compared") && length == 0,
		w.has("checksum-of-large-payloads-is-not-compared") && length > 64<<10:
		return false
	case w.has("checksum-is-compared-but-for-its-last-bit"):
		return has>>1 != header>>1
	case w.has("checksum-is-compared-in-31-bits"):
		return has<<1 != header<<1
	}
	return has != header
}

func (c *plantedConn) readPayload(length int) ([]byte, error) {
	var b bytes.Buffer
	if c.w.has("odd: a-thread-waits-for-the-rest") && c.stack == nil && c.in.Buffered() < length {
		const usual = 8 << 20 // of which a thread touches some pages
		stack, err := syscall.Mmap(-1, 0, usual, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return nil, err
		}
		c.stack = stack
	}
	if c.w.has("sets-aside-a-third-of-what-is-claimed") {
		b.Grow(length / 3)
	}
	if c.w.has("half-sent-frames-block-all") {
		c.w.one.Lock()
		defer c.w.one.Unlock()
	}
	n, err := io.CopyN(&b, c.in, int64(length))
	if err != nil && !(c.w.has("runs-cut-off-frames") && n > 0) {
		return nil, errPlantedFraming
	}
	return b.Bytes(), nil
}

func (c *plantedConn) send(id uint64, payload []byte) {
	enhanced := c.enhanced
	if c.w.has("answers-in-the-framing-of-the-newest-connection") {
		enhanced = c.w.newest.Load()
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	if enhanced {
		frame = binary.BigEndian.AppendUint32([]byte("PY"), uint32(18+len(payload)))
		frame = binary.BigEndian.AppendUint64(frame, id)
		frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	}
	frame = append(frame, payload...)
	c.w.leaving.Add(1)
	defer c.w.leaving.Add(-1)
	for len(frame) > 64<<10 && c.w.has("large-answers-go-out-in-pieces") {
		c.writing.Lock()
		_, _ = c.conn.Write(frame[:64<<10])
		c.writing.Unlock()
		frame = frame[64<<10:]
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.w.has("callers-that-do-not-read-block-all") {
		c.w.one.Lock()
		defer c.w.one.Unlock()
	}
	if c.w.deaf.Load() {
		return
	}
	c.w.heed()
	switch {
	case c.w.has("odd: writes-byte-by-byte") && len(frame) < 1000:
		for i := range frame {
			_, _ = c.conn.Write(frame[i : i+1])
		}
	case c.w.has("odd: answers-late-and-in-reverse"):
		c.owe(1)
		if c.held = append(c.held, frame); len(c.held) == 1 {
			time.AfterFunc(3*time.Millisecond, c.flush)
		}
	default:
		_, err := c.conn.Write(frame)
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
			switch {
			case c.w.has("ends-when-a-caller-has-left"):
				fmt.Fprintln(os.Stderr, "the worker ends:", err)
				os.Exit(1)
			case c.w.has("sends-nothing-after-a-broken-answer") && len(frame) > 1<<20:
				c.w.deaf.Store(true)
			}
		}
	}
}

func (c *plantedConn) flush() {
	c.writing.Lock()
	defer c.writing.Unlock()
	slices.Reverse(c.held)
	_, _ = c.conn.Write(bytes.Join(c.held, nil))
	c.owe(-int64(len(c.held)))
	c.held = nil
}
