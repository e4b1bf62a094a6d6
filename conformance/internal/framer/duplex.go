package framer

import (
	"fmt"
	"io"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// duplexCases use both directions of a stream at the same time [STR-8]. A framer that cannot be used so returns an error
// in which errors.Is finds Unsupported.
func duplexCases() []testCase {
	return []testCase{
		{
			Name: "read-that-waits-holds-up-no-write", Clauses: []string{"STR-8"}, Framings: suite.BothFramings,
			Cause: "One lock covers both directions, and the read holds it while it waits for bytes.",
			Run:   writeBesideRead,
		},
		{
			Name: "write-that-waits-holds-up-no-read", Clauses: []string{"STR-8"}, Framings: suite.BothFramings,
			Cause: "One lock covers both directions, and the write holds it while the stream takes nothing.",
			Run:   readBesideWrite,
		},
	}
}

// mustBeHere ends the case for a framer in another process, where its clause cannot be seen and is not asked.
func (t *T) mustBeHere(why string) {
	if t.open(stream{sendThenEnd(), io.Discard}, Options{Framing: t.Framing}).remote() != nil {
		t.NotAsked("over JSON lines this cannot be seen: %s", why)
	}
}

// writeBesideRead writes a frame while a read waits on a stream that is silent.
func writeBesideRead(t *T) {
	t.mustBeHere("no request reads and writes at the same time")
	t.checkPlainWrite()
	peer, out := sendThenSilence(), &sink{}
	defer peer.close()
	f := t.open(stream{peer, out}, Options{t.Framing, plainLimit})
	read := t.beside(func() { _, _ = f.ReadFrame() })
	t.waitUntil(peer.exhausted, read, "the read has not asked the stream for bytes")

	frame := spec.Frame(plainRight(t.Framing).Frames[0])
	t.Note("caller → framer", "ReadFrame, which waits: the peer is silent")
	t.Note("caller → framer", "WriteFrame of %s at the same time", describeFrame(frame))
	var err error
	trouble, _ := t.attempt(func() { err = f.WriteFrame(frame.ID, frame.Payload) }, out)
	const want = "a write that is done while a read waits"
	switch {
	case trouble != "":
		t.FailNow("STR-8", want, "%s", trouble)
	case err != nil:
		t.FailNow("STR-8", want, "%v", err)
	case out.total() != len(plainRight(t.Framing).Bytes):
		t.FailNow("STR-8", want, "%d bytes on the stream, when WriteFrame had returned", out.total())
	}
}

// readBesideWrite reads a frame while a write waits for a stream that takes nothing.
func readBesideWrite(t *T) {
	t.mustBeHere("no request reads and writes at the same time")
	right := plainRight(t.Framing)
	t.mustRead(expectation{FrameVector: right, deliveries: []delivery{whole(right)}})
	t.checkPlainWrite()
	if r := t.read(optionsOf(right), sendThenSilence(right.Bytes), 1); r.differenceFrom(right) != nil {
		t.Blocked("the framer does not hand out a frame before more comes, even where nothing is written: %s", r.describeEnd())
	}
	peer, out := sendThenSilence(right.Bytes), &heldSink{entered: make(chan struct{}), release: make(chan struct{})}
	defer peer.close()
	defer close(out.release)
	f := t.open(stream{peer, out}, Options{t.Framing, plainLimit})
	written := t.beside(func() { _ = f.WriteFrame(1, []byte("held up")) })
	t.waitUntil(out.entered, written, "the write has not given the stream a byte")

	t.Note("caller → framer", "WriteFrame, which waits: the stream takes nothing")
	t.Saw("peer → framer", t.Framing, right.Bytes)
	var r reading
	trouble, _ := t.attempt(func() { r = readFrames(f, 1) }, peer)
	const want = "the frame that has come, while a write waits"
	switch {
	case trouble != "":
		t.FailNow("STR-8", want, "%s", trouble)
	case len(r.frames) == 0:
		t.FailNow("STR-8", want, "%s", r.describeEnd())
	}
}

// beside runs f, which calls the framer, in a goroutine of its own. The channel is closed when f has ended.
func (t *T) beside(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				t.Note("framer → caller", "%s", fmt.Sprint("panic: ", r))
			}
		}()
		f()
	}()
	return done
}

// waitUntil waits for an event that a call beside the case brings about. If it does not come, there is nothing to judge.
func (t *T) waitUntil(event, ended <-chan struct{}, otherwise string) {
	timer := suite.NewTimer(t.Patience())
	defer timer.Stop()
	select {
	case <-event:
	case <-ended:
		if t.Concluded() { // the framer says that it is not offered
			endGoroutine()
		}
		select {
		case <-event:
		default:
			t.Blocked("the call returned before anything could be seen of it: %s", otherwise)
		}
	case <-timer.C:
		t.Blocked("%s within %v", otherwise, t.Patience())
	case <-t.Stopped():
		t.Stop()
	}
}

// heldSink is a stream that takes nothing until it is released.
type heldSink struct {
	entered chan struct{} // closed by the first Write
	release chan struct{}
	once    sync.Once
}

func (s *heldSink) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.entered) })
	<-s.release
	return len(p), nil
}
