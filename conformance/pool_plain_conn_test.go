package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance"
)

// plainConn is one connection of the plain pool: a goroutine that reads answers, and one that writes
// what is queued, so that no caller ever waits for a worker that does not read.
type plainConn struct {
	p    *plainPool
	w    *plainWorker
	conn net.Conn
	in   *bufio.Reader

	mu       sync.Mutex
	queued   *sync.Cond
	queue    []plainWrite
	pending  map[uint64]chan plainAnswer
	order    []uint64                   // of the calls, for the fault that does not compare
	left     map[uint64]bool            // calls that were cancelled
	late     int                        // answers to them
	recent   []uint64                   // those that were cancelled last, for the fault that forgets the others
	room     []byte                     // of the body handed out last, for the fault that has the next one lie there
	answered map[uint64]bool            // IDs to which an answer with "ok": true has come
	kept     map[uint64]json.RawMessage // for the fault that keeps what nobody waits for
	turn     sync.Mutex                 // for the fault that has callers write
	again    map[uint64]bool            // calls that were cancelled and not answered, for the fault that frees their slots twice
	err      error                      // once it is broken
	stays    bool                       // open though it is broken, under a fault
	violated bool                       // by what it has read, and not only at its end
	readers  sync.WaitGroup
}

type plainWrite struct {
	frame []byte
	late  func() []byte // makes the frame when it is written, or its rest, for the faults that keep the caller's bytes
	then  func()        // called when the frame is out, or the connection broken
}

type plainAnswer struct {
	body json.RawMessage
	err  error
}

func died(why string) error {
	return fmt.Errorf("%w: %s; the request may have run: %w", conformance.WorkerDied, why, conformance.MayHaveRun)
}

// adopt makes a connection of the worker out of a socket.
func (w *plainWorker) adopt(conn net.Conn) *plainConn {
	c := &plainConn{p: w.p, w: w, conn: conn, in: bufio.NewReader(conn), pending: map[uint64]chan plainAnswer{}, left: map[uint64]bool{}, answered: map[uint64]bool{}, again: map[uint64]bool{}, kept: map[uint64]json.RawMessage{}}
	c.queued = sync.NewCond(&c.mu)
	w.p.mu.Lock()
	if w.unread != nil {
		c.in = bufio.NewReader(io.MultiReader(bytes.NewReader(w.unread), conn))
		w.unread = nil
	}
	w.all = append(w.all, c)
	w.p.mu.Unlock()
	c.readers.Go(c.read)
	c.readers.Go(c.write)
	return c
}

func (c *plainConn) ok() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil
}

// fail breaks the connection and fails the calls that were on it.
func (c *plainConn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	queue, pending := c.queue, c.pending
	c.queue, c.pending = nil, map[uint64]chan plainAnswer{}
	again, stays := len(c.again), c.stays
	c.queued.Broadcast()
	c.mu.Unlock()
	if !stays {
		_ = c.conn.Close()
	}
	if errors.Is(err, conformance.WorkerDied) {
		for range again {
			c.w.release()
		}
		if c.p.has("deaths-never-say-may-have-run") {
			err = fmt.Errorf("%w: its connection has ended", conformance.WorkerDied)
		}
	}
	if errors.Is(err, conformance.WorkerDied) && c.p.has("unhealthy-after-a-broken-connection") {
		c.w.setHealthy(false)
	}
	for _, w := range queue {
		if !c.p.has("cancellations-never-written-keep-their-slots") {
			w.then()
		}
	}
	for _, answer := range pending {
		if c.p.has("error-without-death") {
			err = errors.New("no answer")
		}
		if c.p.has("hangs-on-broken-connections") {
			continue
		}
		answer <- plainAnswer{err: err}
	}
}

func (c *plainConn) enqueue(frame []byte, then func()) { c.enqueueLate(frame, nil, then) }

func (c *plainConn) enqueueLate(frame []byte, late func() []byte, then func()) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		then()
		return
	}
	c.queue = append(c.queue, plainWrite{frame, late, then})
	c.queued.Broadcast()
	c.mu.Unlock()
}

func (c *plainConn) write() {
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && c.err == nil {
			c.queued.Wait()
		}
		if c.err != nil {
			c.mu.Unlock()
			return
		}
		next := c.queue[0]
		c.queue = c.queue[1:]
		if c.p.has("a-write-queue-of-4-holds-callers") {
			c.queued.Broadcast()
		}
		c.mu.Unlock()
		if c.p.has("writes-in-small-pieces") {
			for len(next.frame) > 0 && len(next.frame) < 500 {
				n, _ := c.conn.Write(next.frame[:min(7, len(next.frame))])
				next.frame = next.frame[max(n, 1):]
			}
		}
		_, err := c.conn.Write(next.frame)
		if next.late != nil && err == nil {
			_, err = c.conn.Write(next.late())
		}
		next.then()
		if err != nil {
			c.fail(died(err.Error()))
			if c.p.has("ends-workers-that-send-oddities") && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				c.w.endProcess()
			}
			return
		}
	}
}

// callOn makes one call whose slot is taken, and sees to it that the slot comes back.
func (p *plainPool) callOn(ctx context.Context, w *plainWorker, c *plainConn, method string, body json.RawMessage) (json.RawMessage, error) {
	if p.has("first-call-after-a-restart-fails") && w.takeRenewed() {
		w.release()
		w.giveBack(c)
		return nil, fmt.Errorf("%w: its connection is that of the process before", conformance.WorkerDied)
	}
	size := len(body)
	if len(method) > 30 && !p.has("limit-forgets-the-method") { // a name may grow sixfold when it is quoted
		size += 6 * len(method)
	}
	if p.has("limit-counts-characters") {
		size += utf8.RuneCount(body) - len(body)
	}
	if size > p.limit()-100 && !p.has("sends-over-the-limit") && !(p.has("limit-of-bodies-alone") && len(body) <= p.limit()) {
		if !p.has("too-large-loses-slot") {
			w.release()
		}
		if p.has("too-large-breaks-connections") {
			c.fail(errors.New("a frame is too large"))
		}
		w.giveBack(c)
		if p.has("too-large-without-saying") {
			return nil, errors.New("no")
		}
		return nil, fmt.Errorf("a body of %d bytes: %w", len(body), conformance.TooLarge)
	}
	var once sync.Once
	return p.exchange(ctx, w, c, method, body, func() { once.Do(w.release) })
}

func (p *plainPool) limit() int {
	if p.o.MaxPayload == 0 {
		return 10 << 20
	}
	return p.o.MaxPayload
}

// exchange sends a request and waits for its answer. It calls release when the request is no longer at
// the worker.
func (p *plainPool) exchange(ctx context.Context, w *plainWorker, c *plainConn, method string, body json.RawMessage, release func()) (json.RawMessage, error) {
	id := p.id(w, method)
	answer := make(chan plainAnswer, 1)
	c.mu.Lock()
	if c.err != nil && !p.has("hangs-on-broken-connections") {
		err := c.err
		c.mu.Unlock()
		release()
		return nil, err
	}
	if c.p.has("places-for-256-calls") {
		maps.DeleteFunc(c.pending, func(other uint64, _ chan plainAnswer) bool { return other%256 == id%256 })
	}
	c.pending[id] = answer
	c.order = append(c.order, id)
	if body, ok := c.kept[id]; ok {
		delete(c.pending, id)
		answer <- plainAnswer{body: body}
	}
	c.mu.Unlock()
	name, _ := json.Marshal(method)
	if len(body) == 0 {
		body = json.RawMessage("null")
	}
	payload := fmt.Appendf(nil, `{"id":%d,"method":%s,"body":%s}`, id, name, body)
	if p.has("methods-as-bytes") && !utf8.ValidString(method) {
		payload = fmt.Appendf(nil, `{"id":%d,"method":"%s","body":%s}`, id, method, body)
	}
	if p.has("methods-unquoted") {
		payload = fmt.Appendf(nil, `{"id":%d,"method":"%s","body":%s}`, id, method, body)
	}
	if p.has("lays-requests-out") {
		payload = fmt.Appendf(nil, "\n{ \"body\" : %s,\t\"id\":%d ,\"method\" : %s }\r\n", body, id, name)
	}
	if p.has("adds-unknown-fields") {
		payload = fmt.Appendf(nil, `{"ID":7,"trace":{"id":8},"id":%d,"method":%s,"body":%s}`, id, name, body)
	}
	if p.has("empty-bodies-are-left-out") && slices.Contains([]string{"false", "0", `""`}, string(body)) {
		payload = fmt.Appendf(nil, `{"id":%d,"method":%s}`, id, name)
	}
	if p.has("a-write-queue-of-4-holds-callers") && method != "health" {
		c.mu.Lock()
		for len(c.queue) >= 4 && c.err == nil {
			c.queued.Wait()
		}
		c.mu.Unlock()
	}
	if p.has("sends-envelopes") {
		payload = fmt.Appendf(nil, `{"type":"request","payload":%s}`, payload)
	}
	if p.has("callers-write") {
		c.turn.Lock()
		_, _ = c.conn.Write(p.encode(id, payload))
		c.turn.Unlock()
	} else {
		header := id
		if p.has("header-of-requests-is-0") && method != "health" || p.has("header-of-health-calls-is-0") && method == "health" {
			header = 0
		}
		frame := p.encode(header, payload)
		switch {
		case p.has("keeps-the-callers-bytes"):
			at := bytes.LastIndex(frame, body)
			c.enqueueLate(frame[:at], func() []byte { return slices.Concat(body, frame[at+len(body):]) }, func() {})
		case p.has("encodes-when-it-writes"):
			c.enqueueLate(nil, func() []byte {
				return p.encode(header, fmt.Appendf(nil, `{"id":%d,"method":%s,"body":%s}`, id, name, body))
			}, func() {})
		case p.has("large-requests-go-out-in-two-turns") && len(frame) > 64<<10:
			c.enqueue(frame[:len(frame)/2], func() { c.enqueue(frame[len(frame)/2:], func() {}) })
		default:
			c.enqueue(frame, func() {})
		}
	}
	if p.has("calls-end-with-the-limit-of-checks") && method != "health" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.o.HealthTimeout)
		defer cancel()
	}
	if p.has("cancel-ignored") {
		ctx = context.WithoutCancel(ctx)
	}
	if p.has("deadlines-ignored") && method != "health" {
		var cancel context.CancelFunc
		caller := ctx
		ctx, cancel = context.WithCancel(context.WithoutCancel(caller))
		defer cancel()
		defer context.AfterFunc(caller, func() {
			if errors.Is(caller.Err(), context.Canceled) {
				cancel()
			}
		})()
	}
	select {
	case a := <-answer:
		if method != "health" && !errors.Is(a.err, conformance.WorkerDied) {
			w.heard.Store(true)
		}
		switch {
		case errors.Is(a.err, conformance.ErrorAnswer) && p.has("error-answer-loses-slot"):
		case errors.Is(a.err, conformance.WorkerDied) && p.has("crash-loses-slot"):
		case errors.Is(a.err, conformance.WorkerDied) && p.has("violations-lose-slots") && c.isViolated():
		case errors.Is(a.err, conformance.WorkerDied) && p.has("broken-connection-frees-slots-twice") && method != "health":
			release()
			w.release()
		default:
			release()
		}
		w.giveBack(c)
		return a.body, a.err
	case <-ctx.Done():
		if p.has("waits-for-cancelled") || id%5 == 0 && p.has("waits-for-each-5th-cancelled") {
			go func() {
				<-answer
				release()
				w.giveBack(c)
			}()
			p.sendCancellation(w, c, id, false, func() {})
			return nil, ctx.Err()
		}
		if p.has("each-cancelled-call-leaves-a-goroutine") && method != "health" {
			p.leakGoroutine()
		}
		c.mu.Lock()
		delete(c.pending, id)
		c.left[id] = true
		if c.recent = append(c.recent, id); len(c.recent) > 16 && p.has("all-but-16-cancelled-calls-are-forgotten") {
			delete(c.left, c.recent[0])
			c.recent = c.recent[1:]
		}
		if method != "health" && p.has("a-death-frees-the-slots-of-cancelled-calls-again") {
			c.again[id] = true
		}
		c.mu.Unlock()
		if method != "health" && p.has("cancelled-calls-wait-until-their-cancellation-is-out") {
			out := make(chan struct{})
			p.sendCancellation(w, c, id, false, func() { release(); close(out) })
			<-out
			return nil, ctx.Err()
		}
		p.sendCancellation(w, c, id, errors.Is(ctx.Err(), context.DeadlineExceeded) && method != "health", release)
		if p.has("cancelled-calls-tell-no-reason") {
			return nil, errors.New("the call is over")
		}
		if p.has("returns-the-cause-of-the-context") {
			return nil, context.Cause(ctx)
		}
		return nil, ctx.Err()
	}
}

// sendCancellation gives the slot back when the cancellation has gone out.
func (p *plainPool) sendCancellation(w *plainWorker, c *plainConn, id uint64, deadline bool, release func()) {
	payload := fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d,"reason":"the caller has left"}}`, id)
	if p.has("cancellation-without-envelope") {
		payload = fmt.Appendf(nil, `{"id":%d,"reason":"the caller has left"}`, id)
	}
	header := id
	if p.has("cancellation-under-0") {
		header = 0
	}
	if p.has("cancellations-have-header-ids-of-their-own") {
		header = p.id(w, "cancellation")
	}
	done := func() {
		if !p.has("cancel-loses-slot") {
			release()
		}
		if p.o.Framing == conformance.Basic && !p.has("basic-reuses-cancelled") && !p.has("waits-for-cancelled") {
			c.fail(context.Canceled)
		} else {
			w.giveBack(c)
		}
	}
	if p.has("frees-slot-before-cancellation") {
		release()
	}
	if p.has("no-cancellations-once-shutdown-has-begun") {
		p.mu.Lock()
		closed := p.state == "closed"
		p.mu.Unlock()
		if closed {
			done()
			return
		}
	}
	if p.has("no-cancellation") || deadline && p.has("no-cancellation-at-deadlines") {
		done()
		return
	}
	if p.has("cancellations-go-by-a-new-connection") {
		p.mu.Lock()
		path := w.path
		p.mu.Unlock()
		if conn, err := net.Dial("unix", path); err == nil {
			_, _ = conn.Write(p.encode(header, payload))
			_ = conn.Close()
		}
		done()
		return
	}
	if p.has("cancellations-overtake-requests") {
		c.mu.Lock()
		if c.err == nil {
			c.queue = slices.Insert(c.queue, 0, plainWrite{frame: p.encode(header, payload), then: done})
			c.queued.Broadcast()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
	}
	c.enqueue(p.encode(header, payload), done)
}

func (p *plainPool) encode(id uint64, payload []byte) []byte {
	if p.o.Framing == conformance.Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
	}
	if p.has("header-id-0") {
		id = 0
	}
	b := binary.BigEndian.AppendUint32([]byte("PY"), uint32(18+len(payload)))
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, payload...)
}

// errPlainRepeated is of the fault that reads no more after an answer that came twice.
var errPlainRepeated = errors.New("an answer that came before")

func (c *plainConn) isViolated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.violated
}

// read hands out answers until the connection breaks.
func (c *plainConn) read() {
	for {
		if c.p.has("reads-with-the-limit-of-checks") {
			_ = c.conn.SetReadDeadline(time.Now().Add(c.p.o.HealthTimeout))
		}
		id, payload, err := c.readFrame()
		if err == nil && len(payload) == 0 && c.p.has("empty-answers-are-heartbeats") {
			continue
		}
		if err == nil {
			err = c.deliver(id, payload)
			c.mu.Lock()
			c.violated = err != nil
			c.mu.Unlock()
		}
		if errors.Is(err, errPlainRepeated) {
			c.mu.Lock()
			for c.err == nil {
				c.queued.Wait()
			}
			c.mu.Unlock()
			return
		}
		if err != nil && (c.p.has("unreadable-answers-dropped") && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)) {
			var netError net.Error
			if !errors.As(err, &netError) {
				continue
			}
		}
		if err != nil {
			if c.p.has("broken-connections-leave-their-bytes-to-the-next") {
				c.leaveBytes()
			}
			c.mu.Lock()
			c.stays = c.p.has("violated-connections-are-left-open") && (c.violated || isFramingError(err))
			c.mu.Unlock()
			c.fail(died(err.Error()))
			return
		}
	}
}

// leaveBytes has the next connection to the worker begin with what has come and was not read.
func (c *plainConn) leaveBytes() {
	rest, _ := c.in.Peek(c.in.Buffered())
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.w.unread = append([]byte(nil), rest...)
}

func isFramingError(err error) bool {
	return slices.ContainsFunc([]error{conformance.BadMagic, conformance.BadLength, conformance.TooLarge, conformance.BadCRC}, func(kind error) bool {
		return errors.Is(err, kind)
	})
}

func (c *plainConn) readFrame() (uint64, []byte, error) {
	size := 18
	if c.p.o.Framing == conformance.Basic {
		size = 4
	}
	if c.p.has("loses-the-beginning-of-an-answer") {
		if rest, _ := c.in.Peek(c.in.Buffered()); len(rest) < size || size == 18 && len(rest) < int(binary.BigEndian.Uint32(rest[2:])) {
			_, _ = c.in.Discard(len(rest))
		}
	}
	h := make([]byte, size)
	n, err := io.ReadAtLeast(c.in, h, 1)
	if n < size && err == nil && !c.p.has("header-in-one-read") {
		_, err = io.ReadFull(c.in, h[n:])
	}
	if err != nil {
		return 0, nil, err
	}
	if size == 4 {
		n := int(binary.BigEndian.Uint32(h))
		if n > c.p.limit() {
			return 0, nil, conformance.TooLarge
		}
		if c.p.has("takes-what-came-of-a-cut-off-answer") {
			payload, err := io.ReadAll(io.LimitReader(c.in, int64(n)))
			if len(payload) > 0 {
				err = nil
			}
			return 0, payload, err
		}
		payload, err := readGrowing(c.in, n)
		return 0, payload, err
	}
	n = int(binary.BigEndian.Uint32(h[2:]))
	switch {
	case !bytes.Equal(h[:2], []byte("PY")):
		return 0, nil, conformance.BadMagic
	case n < 18:
		return 0, nil, conformance.BadLength
	case n-18 > c.p.limit(), n-18 == c.p.limit() && c.p.has("limit-is-too-large"), n > c.p.limit() && c.p.has("limit-with-header"):
		return 0, nil, conformance.TooLarge
	}
	payload, err := readGrowing(c.in, n-18)
	if err == nil && crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(h[14:]) && !c.p.overlooks(crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))^binary.BigEndian.Uint32(h[14:]), n) &&
		!(c.p.has("checksum-0-means-none") && binary.BigEndian.Uint32(h[14:]) == 0) {
		err = conformance.BadCRC
	}
	return binary.BigEndian.Uint64(h[6:]), payload, err
}

// overlooks tells whether a fault has the pool take a payload whose checksum is wrong in these bits.
func (p *plainPool) overlooks(wrong uint32, size int) bool {
	return p.has("crc-unchecked") || p.has("crc-of-large-answers-unchecked") && size > 64<<10 || p.has("crc-compared-in-16-bits") && uint16(wrong) == 0
}

func readGrowing(r io.Reader, n int) ([]byte, error) {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b.Bytes(), nil
}

func (c *plainConn) isPending(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending[id] != nil
}

// deliver gives an answer to the caller whose ID it bears, or to nobody.
func (c *plainConn) deliver(header uint64, payload []byte) error {
	a, err := c.fields(payload)
	if err != nil {
		return err
	}
	var kind any
	_ = json.Unmarshal(a["type"], &kind)
	plain := c.p.has("no-envelopes") || c.p.has("envelopes-with-an-id-are-none") && a["id"] != nil && a["ok"] != nil
	if (kind == "response" || kind != nil && c.p.has("any-envelope") || c.p.has("a-payload-makes-an-envelope")) && a["payload"] != nil && !plain {
		if a, err = c.fields(a["payload"]); err != nil {
			return err
		}
	} else if _, named := kind.(string); named && a["payload"] != nil && kind != "response" && !plain && !c.p.has("other-types-make-no-envelope") {
		return errors.New("an envelope of another type than response")
	}
	text := string(a["id"])
	if c.p.has("ids-converted") {
		text = strings.TrimSuffix(strings.Trim(text, `"`), ".0")
	}
	id, err := strconv.ParseUint(text, 10, 64)
	ok := string(a["ok"]) == "true"
	if err != nil || !ok && string(a["ok"]) != "false" {
		return errors.New("an answer that cannot be read")
	}
	if a["error"] != nil && c.p.has("an-error-field-means-failure") {
		ok = false
	}
	if c.p.has("ids-of-32-bits") {
		id = uint64(uint32(id))
		header = uint64(uint32(header))
	}
	if c.p.has("unknown-answers-are-not-compared") && !c.isPending(id) || c.p.has("header-0-is-not-compared") && header == 0 {
		header = id
	}
	if c.p.o.Framing == conformance.Enhanced && header != id && !c.p.has("mismatch-accepted") && !(c.p.has("header-compared-in-32-bits") && uint32(header) == uint32(id)) {
		return fmt.Errorf("an answer to %d under the header's ID %d", id, header)
	}
	if c.p.has("places-by-32-bits") {
		id = uint64(uint32(id))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.p.has("next-answer-to-next-caller") {
		for len(c.order) > 0 && c.pending[c.order[0]] == nil {
			c.order = c.order[1:]
		}
		if len(c.order) > 0 {
			id = c.order[0]
		}
	}
	if c.p.has("answers-stray-among-many") && len(c.pending) > 7 {
		for other := range c.pending {
			id = other
		}
	}
	if c.left[id] {
		c.late++
	}
	delete(c.again, id)
	answer := c.pending[id]
	if answer == nil && c.answered[id] && c.p.has("repeated-to-whoever-waits") {
		for other := range c.pending {
			id, answer = other, c.pending[other]
		}
	}
	if answer == nil && c.p.has("unknown-to-whoever-waits") {
		for other := range c.pending {
			id, answer = other, c.pending[other]
		}
	}
	if answer == nil {
		if _, repeated := c.answered[id]; repeated && c.p.has("repeated-answers-stop-the-reading") {
			return errPlainRepeated
		}
		if c.left[id] && c.p.has("late-answers-free-slots-again") {
			c.left[id] = false
			go c.w.release()
		}
		if c.p.has("keeps-unknown-answers") {
			c.kept[id] = a["body"]
		}
		if (c.p.has("closes-on-unknown") || c.p.has("all-but-16-cancelled-calls-are-forgotten")) && !c.left[id] || c.p.has("closes-on-late") && c.left[id] || c.p.has("closes-on-third-late") && c.late > 2 {
			return fmt.Errorf("an answer to %d, which is not outstanding", id)
		}
		return nil
	}
	delete(c.pending, id)
	c.answered[id] = ok
	switch {
	case ok && a["body"] == nil && c.p.has("absent-body-is-an-error"):
		answer <- plainAnswer{err: errors.New("no body")}
	case ok && a["body"] == nil:
		answer <- plainAnswer{body: json.RawMessage("null")}
	case ok:
		if c.p.has("bodies-lie-where-the-next-one-comes") {
			c.room = append(c.room[:0], a["body"]...)
			a["body"] = c.room
		}
		answer <- plainAnswer{body: a["body"]}
	case c.p.has("error-answer-is-an-answer"):
		answer <- plainAnswer{body: json.RawMessage("null")}
	case c.p.has("error-answer-without-text"):
		answer <- plainAnswer{err: conformance.ErrorAnswer}
	default:
		var text string
		_ = json.Unmarshal(a["error"], &text)
		if text == "" && c.p.has("an-empty-error-is-none") {
			answer <- plainAnswer{body: json.RawMessage("null")}
			return nil
		}
		if c.p.has("error-texts-are-formats") {
			text = fmt.Sprintf(text, []any{}...)
		}
		answer <- plainAnswer{err: fmt.Errorf("%w: %s", conformance.ErrorAnswer, text)}
	}
	return nil
}

// fields reads an object by the exact names of its fields, which reading into a struct would not do.
func (c *plainConn) fields(text []byte) (map[string]json.RawMessage, error) {
	var exact map[string]json.RawMessage
	if c.p.has("utf-16-too") {
		text = bytes.ReplaceAll(text, []byte{0}, nil)
	}
	decode := json.Unmarshal
	if c.p.has("reads-the-first-value") {
		decode = func(text []byte, into any) error { return json.NewDecoder(bytes.NewReader(text)).Decode(into) }
	}
	if err := decode(text, &exact); err != nil || exact == nil {
		return nil, fmt.Errorf("an answer that cannot be read: %w", err)
	}
	if !utf8.Valid(text) && !c.p.has("utf8-unchecked") {
		return nil, errors.New("an answer that is no UTF-8")
	}
	if c.p.has("names-in-any-case") {
		for _, name := range slices.Sorted(maps.Keys(exact)) {
			if lower := strings.ToLower(name); lower != name {
				exact[lower] = exact[name]
			}
		}
	}
	for name := range exact {
		known := slices.Contains([]string{"id", "ok", "body", "error", "type", "payload"}, name)
		if !known && c.p.has("unknown-fields-refused") {
			return nil, fmt.Errorf("an answer with the unknown field %q", name)
		}
	}
	return exact, nil
}
