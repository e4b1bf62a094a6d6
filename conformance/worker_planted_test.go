package conformance_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
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

const (
	plantedMax   = 10 << 20
	plantedGrace = time.Second
)

type plantedWorker struct {
	planted  []string
	listener net.Listener
	running  atomic.Int64
	due      atomic.Int64 // handlers that run, and answers that have not left
	one      sync.Mutex   // held by what may run alone, under a fault or an oddity
	enhanced atomic.Bool  // a connection of the enhanced framing was seen

	mu      sync.Mutex
	cancels map[string][]func() // of all connections, for "cancels-on-any-connection"
}

func (w *plantedWorker) has(name string) bool { return slices.Contains(w.planted, name) }

func runPlantedWorker(planted []string) int {
	w := &plantedWorker{planted: planted, cancels: map[string][]func(){}}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
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
	go w.accept()
	return w.stop(<-signals, path)
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
		if !w.has("default-path") {
			return "", errors.New("PYPROC_SOCKET_PATH is not set")
		}
		path = fmt.Sprintf("%s/pp%d.sock", os.TempDir(), os.Getpid())
		defer time.AfterFunc(20*time.Second, func() { _ = os.Remove(path); os.Exit(0) })
	}
	if w.has("ignores-the-path") {
		path += "x"
	}
	switch info, err := os.Lstat(path); {
	case err != nil:
	case info.Mode().Type() != os.ModeSocket:
		if !w.has("removes-what-is-no-socket") {
			return "", fmt.Errorf("%s is no socket", path)
		}
		_ = os.Remove(path)
	default:
		if conn, err := net.Dial("unix", path); err == nil && !w.has("takes-the-path-of-a-live-worker") {
			_ = conn.Close()
			if w.has("removes-the-live-socket") {
				_ = os.Remove(path)
			}
			return "", fmt.Errorf("a live process owns %s", path)
		}
		if !w.has("keeps-the-stale-socket") {
			_ = os.Remove(path)
		}
	}
	if !w.has("leaves-the-mode-to-the-umask") {
		syscall.Umask(0o177)
	}
	w.listener, err = net.Listen("unix", path)
	return path, err
}

func (w *plantedWorker) stop(s os.Signal, path string) int {
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
	grace := plantedGrace
	if w.has("waits-for-handlers-for-ever") {
		grace = time.Hour
	}
	end, tick := time.After(grace), time.Tick(5*time.Millisecond)
	for waiting := !w.has("drops-handlers-at-sigterm"); waiting && w.due.Load() > 0; {
		select {
		case <-tick:
		case <-end:
			waiting = false
		}
	}
	if w.has("accepts-after-sigterm") {
		_ = w.listener.Close()
	}
	if w.has("sigterm-ends-with-status-1") {
		return 1
	}
	return 0
}

func (w *plantedWorker) accept() {
	slots := make(chan struct{}, 20)
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		c := &plantedConn{w: w, conn: conn, in: bufio.NewReader(conn), outstanding: map[string]func(){}}
		switch {
		case w.has("one-connection-at-a-time"):
			c.serve()
		case w.has("serves-20-connections"):
			go func() {
				slots <- struct{}{}
				c.serve()
				<-slots
			}()
		default:
			go c.serve()
		}
	}
}

type plantedConn struct {
	w        *plantedWorker
	conn     net.Conn
	in       *bufio.Reader
	enhanced bool
	frames   int
	due      atomic.Int64 // as that of the worker, for this connection

	writing sync.Mutex
	held    [][]byte // answers that an oddity sends late

	mu          sync.Mutex
	outstanding map[string]func() // cancels the request of that ID
}

var errPlantedFraming = errors.New("a framing error")

func (c *plantedConn) serve() {
	err := c.read()
	if err == nil { // the caller closed its sending half, or went away
		if c.w.has("closes-at-half-close") {
			_ = c.conn.Close()
		}
		for tick := time.Tick(5 * time.Millisecond); c.due.Load() > 0; <-tick {
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
	case errors.Is(err, errPlantedFraming) && c.w.has("keeps-connections-open-after-framing-errors"):
		_, _ = io.Copy(io.Discard, c.in)
	case errors.Is(err, errPlantedFraming) && c.w.has("odd: says-what-is-wrong-before-it-closes"):
		c.send(0, []byte(`{"id":0,"ok":false,"error":"a framing error"}`))
	}
	_ = c.conn.Close()
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
	for {
		id, payload, err := c.readFrame()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.frames++
		if err := c.receive(id, payload); err != nil {
			return err
		}
	}
}

func (c *plantedConn) readFrame() (id uint64, payload []byte, err error) {
	size := 4
	if c.enhanced {
		size = 18
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
		return 0, nil, errPlantedFraming
	}
	payload, err = c.readPayload(int(length))
	if err != nil {
		return 0, nil, err
	}
	if c.enhanced && !c.w.has("checksum-is-not-compared") && crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(h[14:]) {
		if c.w.has("drops-frames-with-a-bad-checksum") {
			return c.readFrame()
		}
		return 0, nil, errPlantedFraming
	}
	return id, payload, nil
}

func (c *plantedConn) readPayload(length int) ([]byte, error) {
	var b bytes.Buffer
	if c.w.has("sets-aside-what-is-claimed") {
		b.Grow(length)
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

type plantedRequest struct {
	id        json.RawMessage
	header    uint64
	enveloped bool
	cancelled chan struct{}
	method    string
	body      json.RawMessage
}

var plantedID = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// readable reports whether the ID is an integer of 64 bits.
func (w *plantedWorker) readable(id json.RawMessage) bool {
	if w.has("takes-any-id") && len(id) > 0 && string(id) != "null" {
		return true
	}
	_, err := strconv.ParseUint(string(id), 10, 64)
	return err == nil && plantedID.Match(id)
}

func (c *plantedConn) receive(header uint64, payload []byte) error {
	w := c.w
	if w.has("takes-nan") {
		payload = regexp.MustCompile(`-?(NaN|Infinity)`).ReplaceAll(payload, []byte("0"))
	}
	if w.has("replaces-malformed-utf8") {
		payload = bytes.ToValidUTF8(payload, []byte("?"))
	}
	fields := map[string]json.RawMessage{}
	if w.has("odd: refuses-more-than-100-levels") && plantedLevels(payload) > 100 {
		return c.refuse(header, nil, false, "too many levels")
	}
	if !utf8.Valid(payload) || !json.Valid(payload) {
		if w.has("malformed-json-gets-no-answer") {
			return nil
		}
		if w.has("malformed-json-closes-the-connection") {
			return io.ErrUnexpectedEOF
		}
		return c.refuse(header, nil, false, "malformed JSON")
	}
	if json.Unmarshal(payload, &fields) != nil || fields == nil {
		if w.has("what-is-no-object-crashes") {
			panic("no object")
		}
		return c.refuse(header, nil, false, "no object")
	}
	var kind string
	r := plantedRequest{header: header}
	inner, ok := fields["payload"]
	isText := len(fields["type"]) > 0 && fields["type"][0] == '"' && json.Unmarshal(fields["type"], &kind) == nil
	if (ok || w.has("any-type-makes-an-envelope")) && isText {
		r.enveloped = kind == "request" || !w.has("odd: no-envelopes-in-answers-to-unknown-types")
		fields = map[string]json.RawMessage{}
		_ = json.Unmarshal(inner, &fields)
		if kind == "cancellation" {
			return c.cancel(fields)
		}
	} else {
		kind = "request"
	}
	r.id = fields["id"]
	switch {
	case w.has("refuses-unknown-fields") && len(fields) > 3:
		return c.refuse(header, r.id, r.enveloped, "unknown fields")
	case kind != "request" && w.has("unknown-envelopes-get-no-answer"):
		return nil
	case kind != "request":
		return c.refuse(header, r.id, r.enveloped, "an unknown type of envelope")
	case !w.readable(r.id):
		return c.refuse(header, nil, r.enveloped, "no readable ID")
	case c.enhanced && !w.has("ids-are-not-compared") && !w.has("takes-any-id") && string(r.id) != strconv.FormatUint(header, 10):
		return errors.New("a violation")
	case w.has("ids-are-doubles"):
		f, err := strconv.ParseFloat(string(r.id), 64)
		if err != nil {
			return err
		}
		r.id = strconv.AppendFloat(nil, f, 'f', 0, 64)
	}
	if m := fields["method"]; len(m) == 0 || m[0] != '"' || json.Unmarshal(m, &r.method) != nil {
		if w.has("strange-methods-close-the-connection") {
			return io.ErrUnexpectedEOF
		}
		return c.refuse(header, r.id, r.enveloped, "the method is no string")
	}
	if r.body = fields["body"]; r.body == nil {
		if w.has("demands-a-body") {
			return c.refuse(header, r.id, r.enveloped, "no body")
		}
		r.body = json.RawMessage("null")
	}
	return c.begin(r)
}

// plantedLevels is how deep the text is nested.
func plantedLevels(text []byte) int {
	levels, deepest, inText := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			inText = !inText
		case '\\':
			i++
		case '[', '{':
			if levels++; !inText {
				deepest = max(deepest, levels)
			}
		case ']', '}':
			levels--
		}
	}
	return deepest
}

// refuse answers what is no request.
func (c *plantedConn) refuse(header uint64, id json.RawMessage, enveloped bool, why string) error {
	if !c.w.readable(id) {
		id = json.RawMessage("0")
	}
	if c.enhanced {
		id = strconv.AppendUint(nil, header, 10)
	}
	if c.w.has("errors-go-out-under-0") {
		id, header = json.RawMessage("0"), 0
	}
	c.answer(plantedRequest{id: id, header: header, enveloped: enveloped}, plantedFailure(why))
	return nil
}

func plantedFailure(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return `"ok":false,"error":"?"`
	}
	return `"ok":false,"error":` + string(quoted)
}

func (c *plantedConn) cancel(fields map[string]json.RawMessage) error {
	w := c.w
	id := string(fields["id"])
	if w.has("ids-are-doubles") {
		if f, err := strconv.ParseFloat(id, 64); err == nil {
			id = strconv.FormatFloat(f, 'f', 0, 64)
		}
	}
	if w.has("cancellations-need-a-reason") && fields["reason"] == nil || w.has("cancellations-are-ignored") {
		return nil
	}
	if w.has("refuses-unknown-fields") && len(fields) > 2 {
		return nil
	}
	if w.has("cancellations-are-answered") {
		return c.refuse(0, fields["id"], true, "cancelled")
	}
	if w.has("cancels-on-any-connection") {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, stop := range w.cancels[id] {
			stop()
		}
		return nil
	}
	if w.has("cancels-all-of-the-connection") {
		c.cancelAll()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if stop := c.outstanding[id]; stop != nil {
		stop()
	} else if w.has("remembers-cancelled-ids") {
		c.outstanding[id] = nil
	}
	return nil
}

// begin runs the handler of a request beside the reading of the next one.
func (c *plantedConn) begin(r plantedRequest) error {
	w := c.w
	r.cancelled = make(chan struct{})
	stop := sync.OnceFunc(func() { close(r.cancelled) })
	c.mu.Lock()
	earlier, repeated := c.outstanding[string(r.id)]
	if repeated && earlier == nil {
		repeated = false
		stop()
	}
	c.outstanding[string(r.id)] = stop
	full := len(c.outstanding) > 100 && w.has("drops-beyond-100-outstanding")
	c.mu.Unlock()
	if repeated && !w.has("takes-repeated-ids") {
		return errors.New("a violation")
	}
	if full {
		return nil
	}
	if w.has("cancels-on-any-connection") {
		w.mu.Lock()
		w.cancels[string(r.id)] = append(w.cancels[string(r.id)], stop)
		w.mu.Unlock()
	}
	c.owe(1)
	if w.has("reads-on-after-the-handler") {
		c.run(r)
	} else {
		go c.run(r)
	}
	return nil
}

func (c *plantedConn) run(r plantedRequest) {
	defer c.owe(-1)
	if c.w.has("odd: runs-one-handler-at-a-time") {
		c.w.one.Lock()
	}
	c.w.running.Add(1)
	result := c.w.handle(r)
	c.w.running.Add(-1)
	if c.w.has("odd: runs-one-handler-at-a-time") {
		c.w.one.Unlock()
	}
	c.mu.Lock()
	delete(c.outstanding, string(r.id))
	c.mu.Unlock()
	if result != "" {
		c.answer(r, result)
	}
}

// answer sends the rest of a response under the IDs of its request.
func (c *plantedConn) answer(r plantedRequest, rest string) {
	w := c.w
	text := fmt.Sprintf(`{"id":%s,%s}`, r.id, rest)
	if w.has("odd: writes-with-layout-and-more-fields") {
		text = fmt.Sprintf("\n{ \"took\" : [1] ,\t%s , \"id\" : %s }\r\n", rest, r.id)
	}
	if w.has("answers-under-0") {
		text = fmt.Sprintf(`{"id":0,%s}`, rest)
	}
	if r.enveloped != w.has("turns-envelopes-round") {
		text = `{"type":"response","payload":` + text + `}`
	}
	if len(text) > plantedMax {
		switch {
		case w.has("sends-answers-of-any-length"):
		case w.has("closes-at-too-large-answers"):
			_ = c.conn.Close()
			return
		default:
			c.answer(r, plantedFailure("the answer is larger than max_payload"))
			return
		}
	}
	if w.has("header-of-answers-is-0") {
		r.header = 0
	}
	c.send(r.header, []byte(text))
	if w.has("answers-twice") {
		c.send(r.header, []byte(text))
	}
}

func (c *plantedConn) send(id uint64, payload []byte) {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	if c.enhanced {
		frame = binary.BigEndian.AppendUint32([]byte("PY"), uint32(18+len(payload)))
		frame = binary.BigEndian.AppendUint64(frame, id)
		frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	}
	frame = append(frame, payload...)
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.w.has("callers-that-do-not-read-block-all") {
		c.w.one.Lock()
		defer c.w.one.Unlock()
	}
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
		_, _ = c.conn.Write(frame)
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
