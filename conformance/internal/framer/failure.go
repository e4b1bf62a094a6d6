package framer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// failureCases have the stream itself fail. Its error must reach the caller, and must look like nothing else [STR-10].
func failureCases() []testCase {
	return []testCase{
		{
			Name: "errors-of-the-stream-are-passed-on", Clauses: []string{"STR-10"}, Framings: suite.BothFramings,
			Cause: "Whatever ends a read early is reported as the end of the stream, which is truncated inside a frame and clean between frames. Or the framer asks the stream again instead.",
			Run:   failWhileReading,
		},
		{
			Name: "errors-of-a-write-are-passed-on", Clauses: []string{"STR-10"}, Framings: suite.BothFramings,
			Cause: "The error of a Write is replaced by one of the framer's own, which does not wrap it.",
			Run:   failWhileWriting,
		},
	}
}

// streamFailures returns a timeout and a reset, as a socket reports them.
func streamFailures(op string) []error {
	return []error{
		&net.OpError{Op: op, Net: "unix", Err: os.ErrDeadlineExceeded},
		&net.OpError{Op: op, Net: "unix", Err: os.NewSyscallError(op, syscall.ECONNRESET)},
	}
}

// failWhileReading has the stream fail between frames and at each byte inside one, for good and only once.
func failWhileReading(t *T) {
	for _, v := range cutBetween(t.Framing) {
		t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
	}
	for _, failure := range streamFailures("read") {
		for _, v := range append(cutBetween(t.Framing), cutInside(t.Framing)...) {
			s := sendThenEnd(v.Bytes)
			s.end = failure
			t.mustPassOn(v, failure, s, "")
		}
	}
	if t.inOtherProcess() {
		return // the script of a stream has one failure, at its end
	}
	for i, failure := range streamFailures("read") {
		for _, v := range append(cutBetween(t.Framing), cutInside(t.Framing)...) {
			s := sendThenEnd(v.Bytes)
			s.failure = failure
			if i == 0 { // after a reset nothing comes but the end
				s.later = [][]byte{restOf(v), plainRight(t.Framing).Bytes}
			}
			t.mustPassOn(v, failure, s, "the stream would have gone on behind that error")
		}
	}
}

// restOf returns the bytes of the frame that a vector cuts off, from there on.
func restOf(v vectors.FrameVector) []byte {
	whole := rightVector(spec.Framing(v.Framing), plainLimit, someFrames()...).Bytes
	return whole[len(v.Bytes):]
}

// mustPassOn has the framer read a vector from a stream that fails behind it, and ends the case if the framer returns
// anything else than that error.
func (t *T) mustPassOn(v vectors.FrameVector, failure error, s *source, hint string) {
	r := t.read(optionsOf(v), s, toTheEnd)
	if r.trouble == "" && len(r.frames) <= len(v.Frames) && r.end.reached() && isFailure(r.end.err, failure) {
		return
	}
	at := min(len(r.frames), len(v.Frames))
	diff := difference{at: at, offset: frameStarts(v)[at], got: r.describeEnd()}
	diff.want = fmt.Sprintf("the stream's own error: %v", failure)
	if v.Comment != "" {
		diff.want += ", in place of " + v.Comment
	}
	t.failMisread("STR-10", hint, misreading{whole(v), r, diff})
}

// isFailure reports whether an error is that of the stream, alone or wrapped, and neither a framing error nor a clean end.
func isFailure(err, failure error) bool {
	return errors.Is(err, failure) && len(endingOf(err).kinds) == 0 && !errors.Is(err, io.EOF)
}

// failWhileWriting has the stream take a part of a frame and fail. A write that reports success breaks STR-6.
func failWhileWriting(t *T) {
	t.checkPlainWrite()
	for _, failure := range streamFailures("write") {
		for _, size := range []int{9, 70_000} {
			w := t.openWriter(Options{t.Framing, 1 << 20})
			w.sink.breakAt, w.sink.failure = t.Framing.HeaderSize()+1, failure
			err := w.write(7, bytes.Repeat([]byte("w"), size))
			if err == nil || isFailure(err, failure) {
				continue
			}
			t.Note("caller → framer", "WriteFrame of %d bytes, of which the stream takes 1 and fails", size)
			t.FailNow("STR-10", fmt.Sprintf("the stream's own error: %v", failure), "%s", describeWrite(err))
		}
	}
}

// payloadCases check that a payload is the caller's: the framer reads it and does not change it [STR-9].
func payloadCases() []testCase {
	return []testCase{{
		Name: "written-payload-is-left-unchanged", Clauses: []string{"STR-9"}, Framings: suite.BothFramings,
		Cause: "The payload is wiped, masked or turned into the frame where it lies, in the caller's memory.",
		Run:   payloadIsLeftUnchanged,
	}}
}

// payloadIsLeftUnchanged writes payloads that are taken, refused and cut short.
func payloadIsLeftUnchanged(t *T) {
	t.mustBeHere("an adapter hands its own copy to the framer")
	t.checkPlainWrite()
	const limit = 1 << 17
	for _, c := range []struct {
		size, breakAt int
		what          string
	}{
		{1, 0, "is taken whole"}, {9, 0, "is taken whole"}, {5000, 0, "is taken whole"}, {70_000, 0, "is taken whole"},
		{limit, 0, "is taken whole"}, {limit + 1, 0, "is over the limit"},
		{9, t.Framing.HeaderSize() + 2, "is cut short by the stream"}, {70_000, 5000, "is cut short by the stream"},
	} {
		payload := make([]byte, c.size)
		for i := range payload {
			payload[i] = byte(i*31 + 7)
		}
		handed := bytes.Clone(payload)
		w := t.openWriter(Options{t.Framing, limit})
		w.sink.breakAt, w.sink.failure = c.breakAt, errStreamBroke
		if trouble, _ := t.attempt(func() { _ = w.framer.WriteFrame(7, handed) }, w.sink); trouble != "" {
			t.FailNow("STR-9", "WriteFrame of "+describeFrame(spec.Frame{ID: 7, Payload: payload})+" returns", "%s", trouble)
		}
		if !bytes.Equal(handed, payload) {
			t.Note("caller → framer", "WriteFrame of %d bytes, which %s", c.size, c.what)
			t.FailNow("STR-9", "the caller's payload as it was before the write", "%s%s", describePayload(handed), describeFirstDifference(payload, handed))
		}
	}
}
