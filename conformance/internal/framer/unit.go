package framer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// unitCases check that a frame is a unit: no other writer gets in between [STR-5], and nothing follows a frame of which
// only a part was written [STR-6].
func unitCases() []testCase {
	return []testCase{
		{
			Name: "frames-of-many-writers-stay-whole", Clauses: []string{"STR-5"}, Framings: suite.BothFramings,
			Cause: "Writers share no lock, or release it between the header and the payload. An io.Writer is for one goroutine at a time, so one Write for each frame is not enough.",
			Run:   writeTogether,
		},
		{
			Name: "large-frames-over-a-socket-stay-whole", Clauses: []string{"STR-5"}, Framings: suite.BothFramings,
			Cause: "A large frame is written to a socket in another way, such as writev, which forgets the lock or a part of the frame.",
			Run:   writeTogetherToSocket,
		},
		{
			Name: "short-write-is-final", Clauses: []string{"STR-6"}, Framings: suite.BothFramings,
			Cause: "The error of the stream is returned and forgotten, or the count that Write returns is ignored.",
			Run:   writeShort,
		},
		{
			Name: "short-write-fails-those-that-wait", Clauses: []string{"STR-6"}, Framings: suite.BothFramings,
			Cause: "The broken state is checked before the lock is taken, and not again after that.",
			Run:   writeShortTogether,
		},
	}
}

const (
	writers         = 16
	framesPerWriter = 50
)

// writeTogether has many goroutines write frames, each with a payload of its own.
func writeTogether(t *T) {
	exact := t.checkPlainWrite()
	key := func(frame []byte) string {
		if !exact { // a wrong header is for other cases
			frame = frame[t.Framing.HeaderSize():]
		}
		return string(frame)
	}
	sizes := []int{6, 1, 17, 9, 64, 18, 1000, 300, 4, 20, 2, 8, 4096, 19, 100, 40, 33, 5, 500}
	large := []int{65535, 65536, 70_001}
	lists := make([][]spec.Frame, writers)
	missing := map[string]int{}
	random := rand.New(rand.NewPCG(5, 1))
	for w := range lists {
		for i := range framesPerWriter {
			p := randomBytes(random, sizes[(w+i)%len(sizes)])
			if i%25 == w {
				p = randomBytes(random, large[w%len(large)])
			}
			lists[w] = append(lists[w], spec.Frame{ID: idOf(w, i), Payload: p})
			missing[key(wire.Encode(t.Framing, idOf(w, i), p))]++
		}
	}

	crowd := &crowdedSink{}
	results, trouble := t.writeConcurrently(crowd, lists)
	t.mustStayWhole(lists, results, trouble, crowd.bytes, missing, key)
}

// writeTogetherToSocket has some goroutines write to a Unix socket, as framers do in use. A large frame does not fit into
// the socket at once.
func writeTogetherToSocket(t *T) {
	t.checkPlainWrite()
	lists := make([][]spec.Frame, 4)
	missing := map[string]int{}
	key := func(frame []byte) string { return string(frame[t.Framing.HeaderSize():]) }
	random := rand.New(rand.NewPCG(5, 2))
	for w := range lists {
		for i, size := range []int{65536, 9, 1, 70_001} {
			p := randomBytes(random, size)
			lists[w] = append(lists[w], spec.Frame{ID: idOf(w, i), Payload: p})
			missing[string(p)]++
		}
	}
	near, far := t.sockets()
	received := &sink{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(received, far)
	}()
	results, trouble := t.writeConcurrentlyOver(near, received, lists)
	t.mustStayWhole(lists, results, trouble, func() []byte {
		_ = near.Close() // the far end sees the end when all bytes have come
		<-done
		return received.bytes()
	}, missing, key)
}

// sockets returns the two ends of a connection over a Unix socket.
func (t *T) sockets() (near, far net.Conn) {
	l, err := net.Listen("unix", filepath.Join(t.Dir(), "s"))
	if err == nil {
		defer func() { _ = l.Close() }()
		near, err = net.Dial("unix", l.Addr().String())
	}
	if err == nil {
		t.Cleanup(func() { _ = near.Close() })
		far, err = l.Accept()
	}
	if err != nil {
		t.Blocked("a Unix socket cannot be made: %v", err)
	}
	t.Cleanup(func() { _ = far.Close() })
	return near, far
}

// mustStayWhole checks that no write failed and that the stream has all frames, in whatever order. It ends the case if not.
// missing has how often each frame was written, by key.
func (t *T) mustStayWhole(lists [][]spec.Frame, results [][]error, trouble string, stream func() []byte, missing map[string]int, key func([]byte) string) {
	written := countMissing(missing)
	want := fmt.Sprintf("frames written by %d writers at once", len(lists))
	if trouble != "" {
		t.FailNow("STR-5", want, "%s", trouble)
	}
	for w, list := range results {
		for i, err := range list {
			if err != nil {
				t.FailNow("STR-5", want, "%s: %v", describeFrame(lists[w][i]), err)
			}
		}
	}

	data := stream()
	for at := 0; at < len(data); {
		size := claimedSize(t.Framing, data[at:])
		if size > len(data)-at || missing[key(data[at:at+size])] == 0 {
			t.Note("framer → stream", "%d bytes, with %d right frames before this one", len(data), written-countMissing(missing))
			t.foundNow(result.Finding{
				Clause: "STR-5", Want: fmt.Sprintf("at byte %d of the stream, one of the frames that were written", at),
				Got: "bytes of several frames mixed", Dump: wire.DumpFrom(t.Framing, data, at, wire.DumpRows),
			})
		}
		missing[key(data[at:at+size])]--
		at += size
	}
	if n := countMissing(missing); n > 0 {
		t.Fail("STR-5", fmt.Sprintf("%d frames on the stream", written), "%d are missing, though every WriteFrame returned without an error", n)
	}
}

// idOf returns an ID for each frame of each writer. The basic framing ignores it.
func idOf(writer, i int) uint64 { return uint64(1 + writer*framesPerWriter + i) }

// countMissing returns how many frames have not been seen.
func countMissing(missing map[string]int) (n int) {
	for _, count := range missing {
		n += count
	}
	return n
}

// claimedSize returns the size of the first frame in data as its header claims it, and more than there is if the header is
// cut off.
func claimedSize(framing spec.Framing, data []byte) int {
	switch {
	case len(data) < framing.HeaderSize():
		return len(data) + 1
	case framing == spec.Basic:
		return spec.BasicHeader + int(binary.BigEndian.Uint32(data))
	}
	return max(spec.EnhancedHeader, int(binary.BigEndian.Uint32(data[2:])))
}

// checkPlainWrite reports whether a plain frame is written exactly right. It ends the case if not even the size is right,
// because the frames on the stream could then not be found.
func (t *T) checkPlainWrite() bool {
	plain := plainRight(t.Framing)
	w := t.openWriter(optionsOf(plain))
	f := spec.Frame(plain.Frames[0])
	err := w.write(f.ID, f.Payload)
	got := w.sink.bytes()
	if string(got) == string(plain.Bytes) && err == nil {
		return true
	}
	if err == nil && len(got) == len(plain.Bytes) && claimedSize(t.Framing, got) == len(got) {
		return false
	}
	t.Saw("framer → stream", t.Framing, got)
	t.foundNow(judgeWrittenFrame(t.Framing, f, got, err, plainLimit)...)
	return false
}

// concurrentSink is a stream that many writers may use at once.
type concurrentSink interface {
	io.Writer
	progressing
}

// writeConcurrently has one writer for each list write its frames to one framer, all writers at once. It returns the error
// of each write, and what went wrong with the calls.
func (t *T) writeConcurrently(out concurrentSink, lists [][]spec.Frame) (results [][]error, trouble string) {
	s := sendThenSilence()
	defer s.close()
	return t.writeConcurrentlyOver(stream{s, out}, out, lists)
}

// writeConcurrentlyOver is writeConcurrently over a stream whose progress is known by one of its parts.
func (t *T) writeConcurrentlyOver(rw io.ReadWriter, part progressing, lists [][]spec.Frame) (results [][]error, trouble string) {
	var mu sync.Mutex
	panicked := ""
	made := make([][]error, len(lists)) // written by other goroutines, which still run after a hang
	trouble, hung := t.attempt(func() {
		f := t.open(rw, Options{t.Framing, 1 << 20})
		if r := f.remote(); r != nil {
			var err error
			made, err = r.WriteTogether(lists)
			t.endCallOn(err)
			return
		}
		var all sync.WaitGroup
		start := make(chan struct{}) // all writers wait for it, or the first would be done before the next begins
		for i, list := range lists {
			all.Go(func() {
				<-start
				defer func() {
					if r := recover(); r != nil {
						mu.Lock()
						defer mu.Unlock()
						panicked = describePanic(r)
					}
				}()
				for _, frame := range list {
					made[i] = append(made[i], f.WriteFrame(frame.ID, frame.Payload))
				}
			})
		}
		close(start)
		all.Wait()
	}, part)
	mu.Lock()
	defer mu.Unlock()
	if !hung {
		results = made
	}
	return results, strings.TrimSpace(trouble + panicked)
}

// crowdedSink takes each Write in pieces of odd sizes and lets other goroutines run in between. So a Write that begins
// before another has returned gets in between its pieces.
type crowdedSink struct {
	begun        atomic.Int64
	small, large atomic.Int64 // of these, because large payloads may be written in another way

	mu   sync.Mutex
	got  []byte
	next chan struct{} // closed when the next Write begins
}

func (s *crowdedSink) Write(p []byte) (int, error) {
	kind := &s.small
	if len(p) > 4096 {
		kind = &s.large
	}
	nth, mine := kind.Add(1), s.begun.Add(1)
	overtaken := make(chan struct{})
	s.mu.Lock()
	if s.next != nil {
		close(s.next)
	}
	s.next = overtaken
	s.mu.Unlock()
	size := 1
	for at := 0; at < len(p); size = 3*size + 4 {
		piece := p[at:min(at+size, len(p))]
		s.mu.Lock()
		s.got = append(s.got, piece...)
		s.mu.Unlock()
		if at == 0 {
			s.letOthersOvertake(nth, mine, overtaken)
		}
		at += len(piece)
	}
	return len(p), nil
}

// letOthersOvertake gives other goroutines a good chance to overtake the nth Write of its kind. They have their turns before
// it goes on. The first Writes wait some time, too, because the others may be queued at another processor.
func (s *crowdedSink) letOthersOvertake(nth, mine int64, overtaken <-chan struct{}) {
	const (
		timed, limit = 4, 5 * time.Millisecond
		held, turns  = 64, 100
	)
	if nth <= timed {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-overtaken:
		case <-timer.C:
		}
	}
	for i := 0; nth <= held && i < turns && s.begun.Load() == mine; i++ {
		runtime.Gosched()
	}
}

func (s *crowdedSink) progress() int64 { return s.begun.Load() }

func (s *crowdedSink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

var errStreamBroke = errors.New("the stream broke")

// writeShort has a Write of the stream take a part of a frame and fail. The stream takes everything after that, so a
// framer that goes on writing is seen.
func writeShort(t *T) {
	t.checkPlainWrite()
	for _, size := range []int{30, 70_000} {
		whole := wire.Encode(t.Framing, 7, make([]byte, size))
		header := t.Framing.HeaderSize()
		for _, part := range []int{1, 2, header - 1, header, header + 1, len(whole) / 2, len(whole) - 1} {
			for before := range 2 { // how many whole frames come first
				t.checkShortWrite(whole, before, part)
			}
		}
	}
}

// checkShortWrite has a stream fail after some whole frames and a part of the next. It ends the case if the framer does not
// report that, or goes on writing.
func (t *T) checkShortWrite(whole []byte, before, part int) {
	payload := whole[t.Framing.HeaderSize():]
	w := t.openWriter(Options{t.Framing, 1 << 20})
	w.sink.breakAt, w.sink.failure = before*len(whole)+part, errStreamBroke
	for range before {
		w.mustWrite("STR-6", spec.Frame{ID: 7, Payload: payload})
	}
	story := func(later string, err error) {
		t.Note("caller → framer", "WriteFrame of %d bytes, of which the stream takes %d and fails", len(payload), part)
		t.Note("caller → framer", "%s%s", later, describeWrite(err))
	}
	err := w.write(7, payload)
	if err == nil {
		story("", err)
		t.FailNow("STR-6", fmt.Sprintf("an error, since the stream took %d of %d bytes and failed", part, len(whole)), "none")
	}
	for _, next := range [][]byte{payload, nil, []byte("next")} {
		err := w.write(8, next)
		late := w.sink.bytesAfterBreak()
		if err == nil || len(late) > 0 {
			story("then WriteFrame of "+describePayload(next)+": ", err)
			t.Saw("framer → stream, after the short write", t.Framing, late)
			t.FailNow("STR-6", "an error from every later write, and no byte more on the stream",
				"%s, and %s more", describeWrite(err), text.Plural(len(late), "byte"))
		}
	}
}

// writeShortTogether has the stream fail while many goroutines wait to write.
func writeShortTogether(t *T) {
	t.checkPlainWrite()
	const callers, each = 8, 20
	frame := wire.Encode(t.Framing, 7, make([]byte, 100))
	lists := slices.Repeat([][]spec.Frame{slices.Repeat([]spec.Frame{{ID: 7, Payload: frame[t.Framing.HeaderSize():]}}, each)}, callers)
	for _, whole := range []int{0, 1, 50} {
		for _, part := range []int{1, t.Framing.HeaderSize(), len(frame) - 1} {
			out := &sink{breakAt: whole*len(frame) + part, failure: errStreamBroke}
			results, trouble := t.writeConcurrently(out, lists)
			t.Note("callers → framer", "%d writers write frames of %d bytes; the stream takes %d of frame %d and fails", callers, len(frame), part, whole+1)
			if trouble != "" {
				t.FailNow("STR-6", "every write returns", "%s", trouble)
			}
			if late := out.bytesAfterBreak(); len(late) > 0 {
				t.Saw("framer → stream, after the short write", t.Framing, late)
				t.FailNow("STR-6", "no byte more on the stream", "%s", text.Plural(len(late), "byte"))
			}
			n := 0
			for _, err := range slices.Concat(results...) {
				if err == nil {
					n++
				}
			}
			if n > whole {
				t.FailNow("STR-6", fmt.Sprintf("an error from all but the %d writes before", whole), "%d writes without an error", n)
			}
		}
	}
}
