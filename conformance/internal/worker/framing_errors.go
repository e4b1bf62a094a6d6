package worker

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

const shortSleep = 300 * time.Millisecond

// exitStatus is what a process ends with when a handler ran that should not have. Each is used for one
// thing only, so that the status tells what ran.
type exitStatus int

const (
	ranStatus    exitStatus = 71 // the handler of a damaged frame
	readOnStatus exitStatus = 72 // the handler of a good frame behind a damaged one
)

func (s exitStatus) body() string { return fmt.Sprintf(`{"code":%d}`, s) }

func framingErrorCases() []testCase {
	var all []testCase
	for _, e := range framingErrors {
		all = append(all, testCase{
			Name: e.name, Clauses: []string{"WRK-15", "WRK-14", "WRK-16"}, Framings: e.framings,
			Cause: e.cause,
			Run:   func(t *T) { t.sendDamaged(e.damaged(t.Framing)) },
		})
	}
	for i := range all {
		if strings.HasPrefix(all[i].Name, "cut-off") {
			all[i].Clauses = []string{"WRK-14", "WRK-15", "WRK-16"}
		}
	}
	return all
}

// damaged is what a hostile caller sends after a good call on a connection of its own.
type damaged struct {
	what string
	data []byte
	ends bool // the sending half is closed behind it
}

type framingErrorKind struct {
	name     string
	framings []spec.Framing
	cause    string
	damaged  func(spec.Framing) []damaged
}

var framingErrors = []framingErrorKind{
	{
		"bad-magic-closes-the-connection", []spec.Framing{spec.Enhanced},
		"The magic is only looked at in the first frame, or the reader scans for the next magic.",
		func(spec.Framing) []damaged {
			all := damagedExitFrames(
				damage{"the magic 51 59", func(h *wire.Header) { h.Magic[0]++ }},
				damage{"the magic 50 58", func(h *wire.Header) { h.Magic[1]-- }},
				damage{"a magic whose bytes are swapped", func(h *wire.Header) { h.Magic = [2]byte{0x59, 0x50} }},
			)
			inner := wire.EncodeWith(3, exitFrame(spec.Enhanced, readOnStatus), func(h *wire.Header) { h.Magic = [2]byte{} })
			return append(all, damaged{what: "a magic of zeros, and a whole frame in the payload", data: inner})
		},
	},
	{
		"length-below-18-closes-the-connection", []spec.Framing{spec.Enhanced},
		"18 is subtracted from the length without a look at it, which leaves a negative or a huge size.",
		func(spec.Framing) []damaged {
			all := damagedExitFrames(
				damage{"a length of 0", func(h *wire.Header) { h.Length = 0 }},
				damage{"a length of 4", func(h *wire.Header) { h.Length = 4 }},
				damage{"a length of 17", func(h *wire.Header) { h.Length = 17 }},
			)
			alone := wire.EncodeWith(3, nil, func(h *wire.Header) { h.Length = 17 })
			return append(all, damaged{what: "a length of 17 in a header alone", data: append(alone, exitFrame(spec.Enhanced, readOnStatus)...)})
		},
	},
	{
		"payload-over-the-maximum-closes-the-connection", suite.BothFramings,
		"There is no maximum, or it is looked at when the payload is there.",
		func(f spec.Framing) []damaged {
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
		},
	},
	{
		"bad-checksum-closes-the-connection", []spec.Framing{spec.Enhanced},
		"The checksum is not compared, or one with another polynomial is, or the frame is dropped and reading goes on.",
		func(spec.Framing) []damaged {
			return damagedExitFrames(
				damage{"one bit of the checksum wrong", func(h *wire.Header) { h.CRC ^= 1 }},
				damage{"a checksum of 0", func(h *wire.Header) { h.CRC = 0 }},
				damage{"the IEEE checksum", func(h *wire.Header) {
					h.CRC = crc32.ChecksumIEEE(wire.Request(3, "exit", ranStatus.body()))
				}},
			)
		},
	},
	{
		"other-framing-later-closes-the-connection", suite.BothFramings,
		"The framing is told anew for each frame instead of once for the connection.",
		func(f spec.Framing) []damaged {
			other := spec.Basic
			if f == spec.Basic {
				other = spec.Enhanced
			}
			return []damaged{{what: "a right frame of the " + string(other) + " framing", data: exitFrame(other, ranStatus)}}
		},
	},
	{
		"cut-off-header-runs-no-handler", suite.BothFramings,
		"The end of the stream inside a header is taken for a clean end, and the connection leaks, or the worker ends.",
		func(f spec.Framing) []damaged {
			whole := exitFrame(f, ranStatus)
			all := []damaged{{"a header cut off after 1 byte", whole[:1], true}, {"a header without its last byte", whole[:f.HeaderSize()-1], true}}
			if f == spec.Enhanced {
				all = append(all, damaged{"a header cut off after the length", whole[:6], true})
			}
			return all
		},
	},
	{
		"cut-off-payload-runs-no-handler", suite.BothFramings,
		"What has come of a payload is run when the stream ends, as if it were all.",
		func(f spec.Framing) []damaged {
			payload := wire.Request(3, "exit", ranStatus.body())
			whole := wire.Encode(f, 3, payload)
			return []damaged{
				{"a frame cut off behind a payload that can be run, and that its checksum fits", claimingTenMore(f, payload), true},
				{"a frame without its last byte", whole[:len(whole)-1], true},
				{"a frame cut off behind its header", whole[:f.HeaderSize()], true},
			}
		},
	},
}

// claimingTenMore is a right frame but for its length, which claims ten bytes more than there are.
func claimingTenMore(f spec.Framing, payload []byte) []byte {
	if f == spec.Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload)+10)), payload...)
	}
	return wire.EncodeWith(3, payload, func(h *wire.Header) { h.Length += 10 })
}

func exitFrame(f spec.Framing, s exitStatus) []byte {
	return wire.Encode(f, 4, wire.Request(4, "exit", s.body()))
}

type damage struct {
	what string
	do   func(*wire.Header)
}

// damagedExitFrames are frames with one damage each that call `exit`, and for the first damage also a good frame
// that comes behind.
func damagedExitFrames(all ...damage) []damaged {
	var frames []damaged
	for _, d := range all {
		frames = append(frames, damaged{what: d.what, data: wire.EncodeWith(3, wire.Request(3, "exit", ranStatus.body()), d.do)})
	}
	behind := append(wire.EncodeWith(3, wire.Request(3, "echo", "1"), all[0].do), exitFrame(spec.Enhanced, readOnStatus)...)
	return append(frames, damaged{what: all[0].what + ", and a good frame behind it", data: behind})
}

// framingError sends each damaged frame on a connection of its own, while another has a call
// outstanding. Its handler would end the process.
func (t *T) sendDamaged(all []damaged) {
	p := t.start()
	other := p.connectServed(t.Framing)
	for _, d := range all {
		outstanding := other.ask("sleep", sleepFor(shortSleep/3))
		q := p.connectServed(t.Framing)
		q.send(slices.Clone(d.data))
		if d.ends {
			q.closeSending()
		}
		q.mustClose("WRK-15", "the connection is closed after "+d.what)
		if got := p.mustSurvive("WRK-14", other, outstanding, d.what); !got.OK {
			t.Fail("WRK-16", "the call outstanding on another connection is answered after "+d.what, "the error %q", got.Error)
		}
		p.mustSurvive("WRK-14", other, other.ask("echo", `"still served"`), d.what)
	}
}

// survives awaits an answer on another connection. Where the process has died instead, its exit status
// tells which clause that breaks: the one given, where the handler ran of what was damaged.
func (p *process) mustSurvive(ran string, other *peer, id uint64, what string) wire.Answer {
	r, ok := other.wait(p.t.Patience(), other.hasID(id))
	if ok {
		other.mustBeAnswer("WRK-16", r)
		return r.answer
	}
	const said = "its handler ran: the method was `exit`, and the process ended with the status %d that it asked for"
	switch status, _ := p.awaitExit(p.t.Patience() / 4); status {
	case int(ranStatus):
		p.t.FailNow(ran, "no handler runs for "+what, said, status)
	case int(readOnStatus):
		p.t.FailNow("WRK-15", "nothing is read any more after "+what, "a good frame behind it was read and "+said, status)
	}
	other.noAnswer("WRK-16", "the call of another connection is answered after "+what)
	return wire.Answer{}
}
