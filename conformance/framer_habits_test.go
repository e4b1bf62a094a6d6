package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/pyproctest/pyproctest/conformance"
)

// openFramer makes a framer over a stream.
type openFramer = func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer

// framerWith makes framers that have these habits, which are faults or only odd.
func framerWith(ctx context.Context, habits ...string) openFramer {
	return func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
		f := &habitual{habits: habits, ended: ctx.Done(), turn: make(chan struct{}, 1), in: rw, out: rw, basic: o.Framing == conformance.Basic, limit: o.MaxPayload}
		if f.limit == 0 {
			f.unset = true
			f.limit = 10485760
			if f.is("default limit of 16 MB") {
				f.limit = 16 << 20
			}
		}
		if f.is("limit is at most the default one") {
			f.limit = min(f.limit, 10485760)
		}
		f.order = binary.BigEndian
		if f.is("all fields little-endian") {
			f.order = binary.LittleEndian
		}
		f.header = 18
		if f.is("header of 14 bytes, ID of 32 bits") {
			f.header = 14
		}
		switch {
		case f.is("reads single bytes"):
			f.in = singleBytes{rw}
		case f.is("reads through bufio"):
			f.in = bufio.NewReaderSize(rw, 64)
		case f.is("empty payload waits for the byte behind it"):
			f.in = bufio.NewReader(rw)
		case f.is("header across the end of the buffer is lost"):
			f.in = &turning{in: rw}
		case f.is("fills a buffer before it looks"):
			f.in = &filling{in: rw}
		case f.is("reads ahead in a goroutine"):
			f.in = readAhead(rw)
		case f.is("Read of nothing is the end"):
			f.in = endAtNothing{rw}
		case f.is("bytes that come with the end are lost"):
			f.in = errorFirst{rw}
		}
		return f
	}
}

// habitual is a framer that is right but for its habits.
type habitual struct {
	habits []string
	in     io.Reader
	out    io.Writer
	basic  bool
	limit  int
	unset  bool // it is the default one
	order  binary.ByteOrder
	header int
	err    error // final for reading
	kept   []byte
	before []byte // a copy of the payload read last, for the fault that hands it out again
	room   int
	skip   int64  // bytes of a refused payload, for the fault that reads on behind them
	total  int64  // bytes of all payloads, for the fault that has one limit for them
	wrong  []byte // the payload that failed its checksum, for the fault that hands it out later

	turn  chan struct{}   // holds a token while somebody writes
	ended <-chan struct{} // closed with the test, so that nobody waits for a turn for ever

	mu     sync.Mutex
	broken error  // final for writing
	lastID uint64 // of the frames written
	latest []byte // the header made last, for the fault that has one for all writers
	stale  []byte // the header of a refused payload, for the fault that sends it later
	wrote  bool   // since reading failed, for the fault that forgets why
}

func (f *habitual) brokenBy() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

func (f *habitual) breakBy(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func (f *habitual) lock() {
	select {
	case f.turn <- struct{}{}:
	case <-f.ended:
		runtime.Goexit()
	}
}

func (f *habitual) unlock() {
	select {
	case <-f.turn:
	case <-f.ended: // lock has left without the turn
	}
}

func (f *habitual) is(habit string) bool { return slices.Contains(f.habits, habit) }

func (f *habitual) ReadFrame() (conformance.Frame, error) {
	if f.is("one lock for both directions") || f.is("read waits for the write under way") {
		f.lock()
		if f.is("one lock for both directions") {
			defer f.unlock()
		} else {
			f.unlock()
		}
	}
	if f.err != nil && f.is("panic at the read after an error") && f.err != io.EOF {
		panic("read after an error")
	}
	if f.is("a write that is well clears the error of reading") && f.hasWritten() {
		f.err = nil
	}
	if f.err != nil {
		return conformance.Frame{Payload: f.wrong}, f.err
	}
	if f.skip > 0 {
		_, _ = io.CopyN(io.Discard, f.in, f.skip)
		f.skip = 0
	}
	frame, err := f.read()
	if err != nil && !f.forgets(err) {
		f.err = err
		f.hasWritten()
		var kind conformance.ErrorKind
		if errors.As(err, &kind) && f.is("framing error is followed by a clean end") {
			f.err = io.EOF
		}
	}
	if err == nil && f.is("empty payload reads as the one before") {
		if len(frame.Payload) == 0 {
			frame.Payload = f.before
		}
		f.before = slices.Clone(frame.Payload)
	}
	if f.is("wraps the stream's errors into its own") && err != nil && err != io.EOF {
		err = fmt.Errorf("reading failed: %w (%w)", err, io.ErrUnexpectedEOF)
		f.err = err
	}
	return frame, err
}

// hasWritten reports whether a frame went out since it was asked last.
func (f *habitual) hasWritten() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	wrote := f.wrote
	f.wrote = false
	return wrote
}

// forgets tells whether the next read does not return this error again.
func (f *habitual) forgets(err error) bool {
	return f.is("every error is forgotten") ||
		f.is("truncated is forgotten") && errors.Is(err, conformance.Truncated) ||
		f.is("bad checksum is forgotten") && errors.Is(err, conformance.BadCRC) ||
		f.is("payload that is too large is skipped") && errors.Is(err, conformance.TooLarge)
}

func (f *habitual) read() (frame conformance.Frame, err error) {
	if f.basic {
		return f.readBasic()
	}
	h := make([]byte, f.header)
	if f.is("refuses the first wrong byte") {
		if n, err := io.ReadFull(f.in, h[:1]); n == 0 {
			return frame, err
		}
		if h[0] != 'P' {
			return frame, conformance.BadMagic
		}
		if _, err := io.ReadFull(f.in, h[1:]); err != nil {
			return frame, f.early(err)
		}
	} else if err := f.fill(h); err != nil {
		return frame, err
	}
	for h[0] != 'P' || (h[1] != 'Y' && !f.is("second byte of the magic not compared")) {
		if f.is("one right byte of the magic is enough") && (h[0] == 'P' || h[1] == 'Y') {
			break
		}
		if f.is("length compared before the magic") && f.order.Uint32(h[2:]) < 18 {
			return frame, conformance.BadLength
		}
		if !f.is("scans for the next magic") {
			return frame, f.refuse(conformance.BadMagic)
		}
		copy(h, h[1:])
		if err := f.fill(h[f.header-1:]); err != nil {
			return frame, err
		}
	}
	length := f.order.Uint32(h[2:])
	if length == 0 && f.is("length 0 is a heartbeat") {
		return f.read()
	}
	if f.is("length of the payload alone") {
		length += uint32(f.header)
	}
	if length < uint32(f.header) && f.is("short length wraps round and is too large") {
		return frame, f.refuse(conformance.TooLarge)
	}
	if length < uint32(f.header) && !f.is("length 17 panics") {
		return frame, f.refuse(conformance.BadLength)
	}
	if frame.Payload, err = f.payload(int64(length) - int64(f.header)); err != nil {
		return frame, err
	}
	sum := f.order.Uint32(h[f.header-4:])
	frame.ID = uint64(f.order.Uint32(h[6:]))
	if f.header == 18 {
		frame.ID = f.narrowed(f.order.Uint64(h[6:]))
	}
	if f.sum(frame.ID, frame.Payload) != sum && !f.letsPass(sum, frame) {
		if f.is("payload beside the error") {
			return frame, conformance.BadCRC
		}
		if f.is("payload beside the error of later reads") {
			f.wrong = frame.Payload
		}
		return conformance.Frame{}, conformance.BadCRC
	}
	return frame, nil
}

// letsPass tells whether a wrong checksum is overlooked.
func (f *habitual) letsPass(sum uint32, frame conformance.Frame) bool {
	return f.is("checksum not compared") ||
		f.is("checksum of 0 not compared") && sum == 0 ||
		f.is("checksum of an empty payload not compared") && len(frame.Payload) == 0 ||
		f.is("checksum of a large payload not compared") && len(frame.Payload) > 100_000 ||
		f.is("highest bit of the checksum not compared") && f.sum(frame.ID, frame.Payload)^sum == 1<<31
}

// early is the error of a frame of which not all came.
func (f *habitual) early(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || f.is("timeout inside a frame is truncated") {
		return conformance.Truncated
	}
	return err
}

func (f *habitual) readBasic() (frame conformance.Frame, err error) {
	h := make([]byte, 4)
	if err := f.fill(h); err != nil {
		return frame, err
	}
	n := int64(binary.BigEndian.Uint32(h))
	if f.is("basic length counts the header") {
		n -= 4
	}
	if f.is("basic payload of 577 bytes without its last") && n == 577 {
		n--
	}
	frame.Payload, err = f.payload(n)
	if err == nil && f.is("basic ID of the frame written last") {
		f.mu.Lock()
		frame.ID = f.lastID
		f.mu.Unlock()
	}
	if err == nil && f.is("basic ID read from the payload") && len(frame.Payload) >= 8 {
		frame.ID = binary.BigEndian.Uint64(frame.Payload)
	}
	return frame, err
}

// fill reads a header: io.EOF where nothing came, and Truncated where not all did.
func (f *habitual) fill(h []byte) error {
	if f.is("reads the magic before the rest") && len(h) == 18 {
		if err := f.fill(h[:2]); err != nil {
			return err
		}
		if h[0] != 'P' || h[1] != 'Y' {
			return nil
		}
		if _, err := io.ReadFull(f.in, h[2:]); err != nil {
			return f.early(err)
		}
		return nil
	}
	if t, ok := f.in.(*turning); ok {
		t.expect(len(h))
	}
	if f.is("one Read is one header") {
		switch n, err := f.in.Read(h); {
		case n == len(h):
			return nil
		case n > 0:
			return conformance.Truncated
		case err != nil:
			return err
		}
	}
	n, err := io.ReadFull(f.in, h)
	if n == 0 && f.is("timeout between frames is asked again") && isTimeout(err) {
		n, err = io.ReadFull(f.in, h)
	}
	for n > 0 && err != nil && f.is("end inside a header asks again for ever") {
		_, err = f.in.Read(h[n:])
	}
	switch {
	case err == nil:
		return nil
	case n == 0 && err == io.EOF && !f.is("clean end is an error"):
		return io.EOF
	case n == 0 && f.is("failure between frames is a clean end"),
		n == 0 && errors.Is(err, syscall.ECONNRESET) && f.is("reset between frames is a clean end"):
		return io.EOF
	case err == io.ErrUnexpectedEOF && n == 2 && string(h[:2]) == "PY" && f.is("end right behind the magic is clean"):
		return io.EOF
	case n == 0 && err != io.EOF:
		return err
	}
	return f.early(err)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// refuse is the error of a header that is wrong.
func (f *habitual) refuse(kind conformance.ErrorKind) error {
	if f.is("refusal waits for more bytes") {
		_, _ = io.ReadFull(f.in, make([]byte, 1))
	}
	return kind
}

func (f *habitual) payload(n int64) ([]byte, error) {
	over := n > int64(f.limit)
	switch {
	case f.is("limit excludes itself"):
		over = n >= int64(f.limit)
	case f.is("limit counts the header"):
		over = n+int64(f.header) > int64(f.limit)
	case f.is("limit compared as signed 32 bits"):
		over = int32(n) > int32(f.limit)
	case f.is("limit is that of all payloads together"):
		f.total += n
		over = f.total > int64(f.limit)
	case f.is("no limit on reading"), f.is("payload read before the limit is compared"):
		over = false
	}
	if over {
		if f.is("payload that is too large is skipped") {
			f.skip = n
		}
		return nil, f.refuse(conformance.TooLarge)
	}
	if n == 0 && f.is("empty payload is the end") {
		return nil, io.EOF
	}
	if n == 0 && f.is("empty payload waits for the byte behind it") {
		_, _ = f.in.(*bufio.Reader).Peek(1)
	}
	if n > 0 && f.is("write waits while a payload is under way") {
		f.lock()
		defer f.unlock()
	}
	p, err := f.take(n)
	if f.is("bytes read ahead are dropped") {
		_, _ = f.in.Read(make([]byte, 1))
	}
	switch got := int64(len(p)); {
	case got == n, f.is("one Read is one payload"):
	case f.is("end behind a header is clean") && got == 0:
		return nil, err
	case f.is("end inside a payload hands out what there is") && got > 0:
	case f.is("end between two pieces of a payload is clean") && got > 0 && got%4096 == 0 && err == io.EOF:
		return nil, err
	default:
		return nil, f.early(err)
	}
	if f.is("payload read before the limit is compared") && n > int64(f.limit) {
		return nil, conformance.TooLarge
	}
	return p, nil
}

// take reads n bytes, or fewer where the stream ends, into memory that grows with what has come.
func (f *habitual) take(n int64) (p []byte, err error) {
	if f.is("reuses one buffer for payloads") {
		p = f.kept[:0]
	}
	if f.is("length 17 panics") && n < 0 || f.is("memory for the claimed length") {
		p = make([]byte, 0, n)
	}
	if f.is("one Read is one payload") {
		p = make([]byte, 0, min(n, 1<<20))
	}
	if f.is("a larger buffer for each large frame") && n > 1<<16 {
		f.room = min(max(1<<20, 3*f.room), 1<<26) // so that the other cases survive it
		p = make([]byte, 0, f.room)
	}
	most, tripling := n, f.is("a buffer three times as large at each Read") && n > 1<<16
	if tripling {
		most = 4096
	}
	for room := 4096; int64(len(p)) < n && err == nil; room = min(3*room, 1<<26) {
		if tripling && room < 1<<26 { // so, too
			p = append(make([]byte, 0, room), p...)
		}
		if len(p) >= 16<<10 && f.is("claimed length is believed once 16 KiB have come") {
			p = slices.Grow(p, int(n)-len(p))
		}
		if len(p) == cap(p) {
			p = slices.Grow(p, max(len(p), int(min(n, 512))))
		}
		var m int
		m, err = f.in.Read(p[len(p):min(int64(cap(p)), n, int64(len(p))+most)])
		p = p[:len(p)+m]
		if f.is("one Read is one payload") {
			break
		}
	}
	f.kept = p
	return p, err
}

func (f *habitual) narrowed(id uint64) uint64 {
	switch {
	case f.is("ID cut to 32 bits"):
		return uint64(uint32(id))
	case f.is("ID through a double") && id < 1<<63:
		return uint64(float64(id))
	}
	return id
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (f *habitual) sum(id uint64, payload []byte) uint32 {
	switch {
	case f.is("IEEE checksum"):
		return crc32.ChecksumIEEE(payload)
	case f.is("checksum covers the request ID"):
		return crc32.Checksum(append(binary.BigEndian.AppendUint64(nil, id), payload...), castagnoli)
	case f.is("checksum of an empty payload inverted") && len(payload) == 0:
		return 0xffffffff
	case f.is("checksum of the first 64 KiB alone"):
		payload = payload[:min(len(payload), 64<<10)]
	case f.is("checksum of large payloads leaves out what follows the last word") && len(payload) > 1024:
		payload = payload[:len(payload)&^7]
	}
	return crc32.Checksum(payload, castagnoli)
}

func (f *habitual) WriteFrame(id uint64, payload []byte) error {
	unlocked := f.is("no lock, two Writes") || f.is("no lock, one Write") || f.is("no lock for large payloads") && len(payload) > 4000
	stale := f.brokenBy()
	if f.is("header is kept where all writers find it") {
		f.mu.Lock()
		f.latest = f.headerOf(id, payload)
		f.mu.Unlock()
	}
	if !unlocked {
		f.lock()
		defer func() {
			if f.brokenBy() == nil || !f.is("lock kept behind a short write") {
				f.unlock()
			}
		}()
	}
	if broken := f.brokenBy(); broken != nil && !(f.is("broken state looked at before the turn") && stale == nil) {
		return broken
	}
	f.mu.Lock()
	f.lastID = id
	latest := f.latest
	f.mu.Unlock()
	h := f.headerOf(id, payload)
	if f.is("header is kept where all writers find it") {
		h = slices.Clone(latest)
	}
	limit := f.limit
	if f.is("limit for writing is the default one") {
		limit = 10485760
	}
	if f.unset && f.is("no limit for writing where none is set") {
		limit = math.MaxInt
	}
	if len(payload) > limit && !(f.basic && f.is("limit of written basic frames not compared")) {
		if f.is("header of a refused payload goes out with the next frame") {
			f.stale = h
		}
		if f.is("header of a refused payload goes out") {
			_, _ = f.out.Write(h)
		}
		if f.is("refused write breaks the framer") {
			f.breakBy(conformance.TooLarge)
		}
		return conformance.TooLarge
	}
	if len(payload) == 0 && f.is("empty payload is not written") {
		return nil
	}
	pieces := [][]byte{append(h, payload...)}
	if f.is("frame is made in the room behind the payload") {
		frame := append(payload, h...)
		copy(frame[len(h):], payload)
		copy(frame, h)
		pieces[0] = frame
	}
	if f.stale != nil {
		pieces[0] = append(f.stale, pieces[0]...)
		f.stale = nil
	}
	switch {
	case f.is("payload wiped when it is written"):
		defer clear(payload)
	case f.is("payload masked where it lies"):
		for i := range payload {
			payload[i] ^= 0x5a
		}
	}
	switch {
	case f.is("writes byte by byte under one lock"):
		pieces = slices.Collect(slices.Chunk(pieces[0][:min(50, len(pieces[0]))], 1))
		if rest := len(h) + len(payload) - 50; rest > 0 {
			pieces = append(pieces, payload[len(payload)-rest:])
		}
	case f.is("large payloads reach a socket without a header") && len(payload) > 4000:
		if _, socket := f.out.(*net.UnixConn); socket {
			pieces = [][]byte{payload}
		}
	case f.is("writes header and payload apart under one lock"), f.is("no lock, two Writes"), f.is("lock released behind the header"),
		f.is("no lock for large payloads"):
		pieces = [][]byte{h, payload}
	}
	for i, p := range pieces {
		if i == 1 && f.is("lock released behind the header") {
			f.unlock()
			f.lock()
		}
		n, err := f.out.Write(p)
		if n > 0 && n < len(p) && f.is("whole frame again behind a short write") {
			n, err = f.out.Write(p)
		}
		if f.is("short write unnoticed") {
			continue
		}
		if n == len(p) && f.is("error of a Write that took all is lost") {
			err = nil
		}
		if n < len(p) || err != nil {
			err = errors.Join(io.ErrShortWrite, err)
			if !f.is("short write forgotten") && !(f.is("short write that timed out is forgotten") && isTimeout(err)) {
				f.breakBy(err)
			}
			if f.is("failed Write is told by the next one") {
				return nil
			}
			if f.is("error of a Write replaced by another") {
				return errors.New("the frame was not written")
			}
			return err
		}
	}
	f.mu.Lock()
	f.wrote = true
	f.mu.Unlock()
	return nil
}

func (f *habitual) headerOf(id uint64, payload []byte) []byte {
	order := f.order.(binary.AppendByteOrder)
	n := uint32(len(payload))
	if f.basic {
		if f.is("basic length counts the header") {
			n += 4
		}
		return binary.BigEndian.AppendUint32(nil, n)
	}
	if !f.is("length of the payload alone") {
		n += uint32(f.header)
	}
	h := order.AppendUint32([]byte("PY"), n)
	if id = f.narrowed(id); f.header == 14 {
		h = order.AppendUint32(h, uint32(id))
	} else {
		h = order.AppendUint64(h, id)
	}
	return order.AppendUint32(h, f.sum(id, payload))
}

// singleBytes asks the stream for one byte at a time, and for a few where the framer wants many.
type singleBytes struct{ in io.Reader }

func (r singleBytes) Read(p []byte) (int, error) {
	return r.in.Read(p[:min(len(p), 1+len(p)/1024)])
}

// turning reads into a buffer of 4 KiB. What is left at its end and is less than a header is lost.
type turning struct {
	in   io.Reader
	buf  [4096]byte
	r, w int // what was read and not handed out yet
}

func (t *turning) expect(n int) {
	if t.w == len(t.buf) && t.w-t.r < n {
		t.r, t.w = 0, 0
	}
}

func (t *turning) Read(p []byte) (int, error) {
	if t.r == t.w {
		n, err := t.in.Read(t.buf[:])
		if t.r, t.w = 0, n; n == 0 {
			return 0, err
		}
	}
	n := copy(p, t.buf[t.r:t.w])
	t.r += n
	return n, nil
}

// filling hands out nothing before its buffer is full or the stream ends.
type filling struct {
	in   io.Reader
	rest []byte
	err  error
}

func (r *filling) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		b := make([]byte, 512)
		var n int
		n, r.err = io.ReadFull(r.in, b)
		r.rest = b[:n]
		if r.err == io.ErrUnexpectedEOF {
			r.err = io.EOF
		}
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// endAtNothing takes a Read of nothing for the end.
type endAtNothing struct{ in io.Reader }

func (r endAtNothing) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// errorFirst looks at the error of a Read before it looks at its bytes.
type errorFirst struct{ in io.Reader }

func (r errorFirst) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if err != nil {
		return 0, err
	}
	return n, nil
}

// readingAhead reads the stream in a goroutine of its own, before anybody asks.
type readingAhead struct {
	mu      sync.Mutex
	arrived sync.Cond
	buf     bytes.Buffer
	err     error
}

func readAhead(in io.Reader) io.Reader {
	r := &readingAhead{}
	r.arrived.L = &r.mu
	go func() {
		b := make([]byte, 4096)
		for r.err == nil {
			n, err := in.Read(b)
			r.mu.Lock()
			r.buf.Write(b[:n])
			r.err = err
			r.mu.Unlock()
			r.arrived.Signal()
		}
	}()
	return r
}

func (r *readingAhead) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.buf.Len() == 0 && r.err == nil {
		r.arrived.Wait()
	}
	if r.buf.Len() == 0 {
		return 0, r.err
	}
	return r.buf.Read(p)
}
