package framer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
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
			Cause: "A frame takes several Writes, and writers share no lock, or release it between the header and the payload.",
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
	large := []int{65535, 65536, 70_001}
	exact := t.checkPlainWrite() && t.writesExactly(spec.Frame{ID: 1, Payload: make([]byte, large[2])})
	key := func(frame []byte) string {
		if !exact { // a wrong header is for other cases
			frame = frame[t.Framing.HeaderSize():]
		}
		return string(frame)
	}
	sizes := []int{6, 1, 17, 9, 64, 18, 1000, 300, 4, 20, 2, 8, 4096, 19, 100, 40, 33, 5, 500}
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

	near, far := t.sockets()
	results, trouble, stream := t.writeThrough(&crowdedSocket{UnixConn: near}, near, far, lists)
	t.mustStayWhole(lists, results, trouble, stream, missing, key)
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
	results, trouble, stream := t.writeThrough(near, near, far, lists)
	t.mustStayWhole(lists, results, trouble, stream, missing, key)
}

// writeThrough is writeConcurrently through near, which is rw or a part of it, while the suite reads at the far end. stream
// closes near and returns all that has come.
func (t *T) writeThrough(rw io.ReadWriter, near, far *net.UnixConn, lists [][]spec.Frame) (results [][]error, trouble string, stream func() []byte) {
	received := &sink{keepsAll: true}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(received, far)
	}()
	results, trouble = t.writeConcurrentlyOver(rw, received, lists)
	return results, trouble, func() []byte {
		_ = near.Close() // the far end sees the end when all bytes have come
		<-done
		return received.bytes()
	}
}

// sockets returns the two ends of a connection over a Unix socket.
func (t *T) sockets() (near, far *net.UnixConn) {
	address := &net.UnixAddr{Name: filepath.Join(t.Dir(), "s"), Net: "unix"}
	l, err := net.ListenUnix("unix", address)
	if err == nil {
		defer func() { _ = l.Close() }()
		near, err = net.DialUnix("unix", nil, address)
	}
	if err == nil {
		t.Cleanup(func() { _ = near.Close() })
		far, err = l.AcceptUnix()
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
			t.blockIfAdapterSplits()
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

// writesExactly reports whether the framer writes the frame as it must be.
func (t *T) writesExactly(f spec.Frame) bool {
	w := t.openWriter(Options{t.Framing, len(f.Payload)})
	err := w.write(f.ID, f.Payload)
	return err == nil && bytes.Equal(w.sink.bytes(), wire.Encode(t.Framing, f.ID, f.Payload))
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
	parts := []progressing{part}
	if p, ok := rw.(progressing); ok {
		parts = append(parts, p)
	}
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
					made[i] = append(made[i], f.WriteFrame(frame.ID, bytes.Clone(frame.Payload)))
				}
			})
		}
		close(start)
		all.Wait()
	}, parts...)
	mu.Lock()
	defer mu.Unlock()
	if !hung {
		results = made
	}
	return results, strings.TrimSpace(trouble + panicked)
}

// crowdedSocket is a socket on which each Write stays whole, as on every socket, and after which other goroutines run before
// the framer goes on. So where a frame takes several Writes, another writer's Write gets in between, unless a lock prevents
// it. What goes around Write, such as writev by net.Buffers, is not held.
type crowdedSocket struct {
	*net.UnixConn
	turnTaker
	begun        atomic.Int64
	small, large atomic.Int64 // of these, because large payloads may be written in another way

	mu   sync.Mutex
	next chan struct{} // closed when the next Write begins
}

func (s *crowdedSocket) Write(p []byte) (int, error) {
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
	n, err := s.UnixConn.Write(p)
	s.letOthersOvertake(nth, mine, overtaken)
	return n, err
}

// letOthersOvertake gives other goroutines a good chance to write after the nth Write of its kind. They have their turns
// before it returns. The first Writes wait some time, too, because the others may be queued at another processor.
func (s *crowdedSocket) letOthersOvertake(nth, mine int64, overtaken <-chan struct{}) {
	const (
		timed, limit = 4, 5 * time.Millisecond
		held         = 64
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
		s.takeTurn()
	}
}

// blockIfAdapterSplits ends the case if the adapter of the framer cuts single writes in two where there are several writers,
// as older versions of ADAPTERS.md asked. Frames then mix that stay whole on every socket, so nothing is known.
func (t *T) blockIfAdapterSplits() {
	if !t.inOtherProcess() {
		return
	}
	frames := []spec.Frame{{ID: 1, Payload: make([]byte, 1001)}, {ID: 2, Payload: make([]byte, 4003)}}
	alone, together := &sink{}, &sink{}
	o := Options{t.Framing, 1 << 20}
	trouble, _ := t.attempt(func() {
		f := t.open(stream{sendThenSilence(), alone}, o)
		for _, frame := range frames {
			_ = f.WriteFrame(frame.ID, frame.Payload)
		}
		_, err := t.open(stream{sendThenSilence(), together}, o).remote().WriteTogether([][]spec.Frame{frames[:1], frames[1:]})
		t.endCallOn(err)
	})
	var halves []int
	for _, size := range alone.writeSizes() {
		halves = append(halves, size/2, size-size/2)
	}
	got := together.writeSizes()
	slices.Sort(halves)
	slices.Sort(got)
	if trouble == "" && slices.Equal(halves, got) {
		t.Blocked("the adapter lists each write as two entries where there are several writers, and one where there is one. " +
			"Earlier versions of ADAPTERS.md asked for that, and it mixes frames that stay whole on every socket: list each write as one entry")
	}
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

// writeShortTogether has the stream fail while many goroutines wait to write. A writer whose write has failed must not
// succeed later. A framer that lets one goroutine at a time write must also put nothing on the stream after the failure;
// one that needs no lock, because each of its frames is one Write, has writes under way then [STR-5].
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
			t.mustFailForGood(results)
			late, succeeded := out.bytesAfterBreak(), countSuccesses(results)
			if (len(late) == 0 && succeeded <= whole) || !t.takesTurns() {
				continue
			}
			t.Saw("framer → stream, after the short write", t.Framing, late)
			t.FailNow("STR-6", fmt.Sprintf("no byte more on the stream, and an error from all but the %d writes before", whole),
				"%s, and %d writes without an error", text.Plural(len(late), "byte"), succeeded)
		}
	}
}

// mustFailForGood ends the case if a writer succeeded after one of its own writes had failed.
func (t *T) mustFailForGood(results [][]error) {
	for w, list := range results {
		failed := slices.IndexFunc(list, func(err error) bool { return err != nil })
		if failed < 0 {
			continue
		}
		if again := slices.Index(list[failed:], nil); again > 0 {
			t.FailNow("STR-6", fmt.Sprintf("an error from every later write of writer %d, whose write %d failed: %v", w+1, failed+1, list[failed]),
				"write %d succeeded", failed+again+1)
		}
	}
}

func countSuccesses(results [][]error) (n int) {
	for _, err := range slices.Concat(results...) {
		if err == nil {
			n++
		}
	}
	return n
}

// takesTurns reports whether the framer lets one goroutine at a time write to the stream. It has two write, and holds up the
// first until the second comes to the stream, too. Of a framer in another process this is not known.
func (t *T) takesTurns() bool {
	if t.inOtherProcess() {
		return false
	}
	out := &meetingSink{met: make(chan struct{}), over: make(chan struct{})}
	peer := sendThenSilence()
	t.Cleanup(peer.close)
	f := t.open(stream{peer, out}, Options{t.Framing, 1 << 20})
	var both []<-chan struct{}
	for range 2 {
		both = append(both, t.beside(func() { _ = f.WriteFrame(7, []byte("meet")) }))
	}
	timer := suite.NewTimer(t.Patience())
	defer timer.Stop()
	met := false
	select {
	case <-out.met:
		met = true
	case <-timer.C:
	case <-t.Stopped():
	}
	close(out.over)
	for _, done := range both {
		<-done
	}
	return !met
}

// meetingSink is a stream on which each Write waits for another one.
type meetingSink struct {
	begun atomic.Int64
	met   chan struct{} // closed when two Writes are under way
	over  chan struct{} // closed when nobody needs to wait any more
}

func (s *meetingSink) Write(p []byte) (int, error) {
	if s.begun.Add(1) == 2 {
		close(s.met)
	}
	select {
	case <-s.met:
	case <-s.over:
	}
	return len(p), nil
}
