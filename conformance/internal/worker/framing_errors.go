package worker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func framingErrorCases() []testCase {
	var all []testCase
	for _, e := range framingErrors {
		all = append(all, testCase{
			Name: e.name, Clauses: e.clauses, Framings: e.framings,
			Cause: e.cause,
			Run:   func(t *T) { t.sendDamaged(e.damaged(t.Framing)) },
		})
	}
	return append(all, testCase{
		Name: "checksum-wrong-in-any-bit-closes-the-connection", Clauses: closesAfter, Framings: []spec.Framing{spec.Enhanced},
		Cause: "The worker compares only a part of the checksum, or skips it for payloads that are empty or large.",
		Run:   checksumWrongInAnyBitClosesTheConnection,
	}, testCase{
		Name: "framing-errors-beside-a-running-handler-close-the-connection", Clauses: closesAfter, Framings: suite.BothFramings,
		Cause: "While a handler runs, the worker keeps the connection for its answer, and nobody looks any more at how reading ended.",
		Run:   framingErrorsBesideARunningHandler,
	})
}

// framingErrorsBesideARunningHandler sends the first damaged frame of each kind while a handler runs for the same
// connection. Whether that handler is cancelled, and whether its answer still goes out, is the worker's matter.
func framingErrorsBesideARunningHandler(t *T) {
	p := t.start()
	other := p.beside()
	for _, e := range framingErrors {
		if !slices.Contains(e.framings, t.Framing) {
			continue
		}
		d := e.damaged(t.Framing)[0]
		what := d.what + ", while a handler runs for the same connection"
		q := p.connectServed(t.Framing)
		q.ask("sleep", sleepFor(shortSleep))
		q.send(slices.Clone(d.data))
		if d.cutOff {
			q.closeSending()
		}
		q.mustClose("WRK-15", "the connection is closed after "+what)
		q.close()
		p.mustServe("WRK-14", other, what)
	}
}

// checksumWrongInAnyBitClosesTheConnection sends frames with one bit of the checksum wrong, of a small payload, an empty one
// and one that is larger than the buffers that a worker reads into.
func checksumWrongInAnyBitClosesTheConnection(t *T) {
	p := t.start()
	other := p.beside()
	exit := wire.Request(3, "exit", ranStatus.body())
	for _, payload := range []struct {
		what string
		data []byte
	}{
		{"a small payload", exit}, {"an empty payload", nil}, {"a payload of 200 KB", append(exit, bytes.Repeat([]byte(" "), 200<<10)...)},
	} {
		for bit := range 32 {
			what := fmt.Sprintf("a frame with %s and bit %d of the checksum wrong", payload.what, bit)
			q := p.connectServed(t.Framing)
			q.send(wire.EncodeWith(3, payload.data, func(h *wire.Header) { h.CRC ^= 1 << bit }))
			q.mustClose("WRK-15", "the connection is closed after "+what)
			q.close()
			p.mustServe("WRK-14", other, what)
		}
	}
}

// framingError is a case that sends one kind of damaged frame.
type framingError struct {
	name     string
	clauses  []string
	framings []spec.Framing
	cause    string
	damaged  func(spec.Framing) []damaged
}

// damaged is what the suite sends after a good call on a connection of its own.
type damaged struct {
	what   string
	data   []byte
	cutOff bool // the sending half is closed behind data
}

var (
	closesAfter = []string{"WRK-15", "WRK-14", "WRK-16"}
	runsNothing = []string{"WRK-14", "WRK-15", "WRK-16"}
)

var framingErrors = []framingError{
	{
		name: "bad-magic-closes-the-connection", clauses: closesAfter, framings: []spec.Framing{spec.Enhanced},
		cause:   "The worker checks the magic of the first frame only, or it scans for the next magic.",
		damaged: framesWithABadMagic,
	},
	{
		name: "length-below-18-closes-the-connection", clauses: closesAfter, framings: []spec.Framing{spec.Enhanced},
		cause:   "The worker subtracts 18 from the length without checking it first, which gives a negative or a huge size.",
		damaged: framesWithALengthBelow18,
	},
	{
		name: "payload-over-the-maximum-closes-the-connection", clauses: closesAfter, framings: suite.BothFramings,
		cause:   "The worker has no maximum, or it compares the length with it only when the payload is there.",
		damaged: headersOverTheMaximum,
	},
	{
		name: "bad-checksum-closes-the-connection", clauses: closesAfter, framings: []spec.Framing{spec.Enhanced},
		cause:   "The worker does not compare the checksum, or uses another polynomial, or drops the frame and goes on reading.",
		damaged: framesWithABadChecksum,
	},
	{
		name: "other-framing-later-closes-the-connection", clauses: closesAfter, framings: suite.BothFramings,
		cause:   "The worker detects the framing for each frame instead of once for the connection.",
		damaged: aFrameOfTheOtherFraming,
	},
	{
		name: "cut-off-header-runs-no-handler", clauses: runsNothing, framings: suite.BothFramings,
		cause:   "The worker takes the end of the stream inside a header for a clean end and never closes the connection, or it ends itself.",
		damaged: cutOffHeaders,
	},
	{
		name: "cut-off-payload-runs-no-handler", clauses: runsNothing, framings: suite.BothFramings,
		cause:   "When the stream ends inside a payload, the worker handles the part that has come as if it were the whole.",
		damaged: cutOffPayloads,
	},
}

func framesWithABadMagic(spec.Framing) []damaged {
	all := damagedExitFrames(
		damage{"the magic 51 59", func(h *wire.Header) { h.Magic[0]++ }},
		damage{"the magic 50 58", func(h *wire.Header) { h.Magic[1]-- }},
		damage{"a magic whose bytes are swapped", func(h *wire.Header) { h.Magic = [2]byte{0x59, 0x50} }},
	)
	inner := wire.EncodeWith(3, exitFrame(spec.Enhanced, readOnStatus), func(h *wire.Header) { h.Magic = [2]byte{} })
	return append(all, damaged{what: "a magic of zeros, and a whole frame in the payload", data: inner})
}

func framesWithALengthBelow18(spec.Framing) []damaged {
	all := damagedExitFrames(
		damage{"a length of 0", func(h *wire.Header) { h.Length = 0 }},
		damage{"a length of 4", func(h *wire.Header) { h.Length = 4 }},
		damage{"a length of 17", func(h *wire.Header) { h.Length = 17 }},
	)
	alone := wire.EncodeWith(3, nil, func(h *wire.Header) { h.Length = 17 })
	return append(all, damaged{what: "a length of 17 in a header alone", data: append(alone, exitFrame(spec.Enhanced, readOnStatus)...)})
}

func headersOverTheMaximum(f spec.Framing) []damaged {
	if f == spec.Basic {
		return []damaged{
			{what: "a claim of one byte over max_payload", data: []byte{0x00, 0xa0, 0x00, 0x01}},
			{what: "a claim of 2^31 bytes", data: []byte{0x80, 0, 0, 0}},
			{what: "a claim of 2^32-1 bytes", data: []byte{0xff, 0xff, 0xff, 0xff}},
		}
	}
	claim := func(length uint32) []byte {
		return wire.EncodeWith(3, nil, func(h *wire.Header) { h.Length = length })
	}
	return []damaged{
		{what: "a claim of one byte over max_payload", data: claim(spec.EnhancedHeader + spec.DefaultMaxPayload + 1)},
		{what: "a claim of 2^31 bytes", data: claim(1 << 31)},
		{what: "a claim of 2^32-1 bytes", data: claim(1<<32 - 1)},
	}
}

func framesWithABadChecksum(spec.Framing) []damaged {
	ieee := crc32.ChecksumIEEE(wire.Request(3, "exit", ranStatus.body()))
	return damagedExitFrames(
		damage{"one bit of the checksum wrong", func(h *wire.Header) { h.CRC ^= 1 }},
		damage{"a checksum of 0", func(h *wire.Header) { h.CRC = 0 }},
		damage{"the IEEE checksum", func(h *wire.Header) { h.CRC = ieee }},
	)
}

func aFrameOfTheOtherFraming(f spec.Framing) []damaged {
	other := spec.Basic
	if f == spec.Basic {
		other = spec.Enhanced
	}
	return []damaged{{what: "a right frame of the " + string(other) + " framing", data: exitFrame(other, ranStatus)}}
}

func cutOffHeaders(f spec.Framing) []damaged {
	whole := exitFrame(f, ranStatus)
	all := []damaged{{"a header cut off after 1 byte", whole[:1], true}, {"a header without its last byte", whole[:f.HeaderSize()-1], true}}
	if f == spec.Enhanced {
		all = append(all, damaged{"a header cut off after the length", whole[:6], true})
	}
	return all
}

func cutOffPayloads(f spec.Framing) []damaged {
	payload := wire.Request(3, "exit", ranStatus.body())
	whole := wire.Encode(f, 3, payload)
	return []damaged{
		{"a frame cut off behind a payload that can be run, and that its checksum fits", claimingTenMore(f, payload), true},
		{"a frame without its last byte", whole[:len(whole)-1], true},
		{"a frame cut off behind its header", whole[:f.HeaderSize()], true},
	}
}

// claimingTenMore is a right frame except for its length, which claims ten bytes more than there are.
func claimingTenMore(f spec.Framing, payload []byte) []byte {
	if f == spec.Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload)+10)), payload...)
	}
	return wire.EncodeWith(3, payload, func(h *wire.Header) { h.Length += 10 })
}

// damage changes one field of a right header.
type damage struct {
	what string
	do   func(*wire.Header)
}

// damagedExitFrames returns, for each damage, a frame with a request for `exit`; and last, a frame with the first damage and
// a good frame behind it.
func damagedExitFrames(all ...damage) []damaged {
	var frames []damaged
	for _, d := range all {
		frames = append(frames, damaged{what: d.what, data: wire.EncodeWith(3, wire.Request(3, "exit", ranStatus.body()), d.do)})
	}
	behind := append(wire.EncodeWith(3, wire.Request(3, "echo", "1"), all[0].do), exitFrame(spec.Enhanced, readOnStatus)...)
	return append(frames, damaged{what: all[0].what + ", and a good frame behind it", data: behind})
}

// sendDamaged sends each damaged frame on a connection of its own, while a call is outstanding on another connection. The
// worker must close the first and serve the second. A worker of one connection at a time must serve the next one. If the handler of a damaged frame ran, it would end the process.
func (t *T) sendDamaged(all []damaged) {
	p := t.start()
	other := p.beside()
	for _, d := range all {
		var outstanding uint64
		if other != nil {
			outstanding = other.ask("sleep", sleepFor(shortSleep/3))
		}
		q := p.connectServed(t.Framing)
		q.send(slices.Clone(d.data))
		if d.cutOff {
			q.closeSending()
		}
		q.mustClose("WRK-15", "the connection is closed after "+d.what)
		q.close()
		if other != nil {
			if got := p.mustSurvive("WRK-14", other, outstanding, d.what); !got.OK {
				t.Fail("WRK-16", "the call outstanding on another connection is answered after "+d.what, "the error %q", got.Error)
			}
		}
		p.mustServe("WRK-14", other, d.what)
	}
}
