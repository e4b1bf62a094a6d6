package conformance

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
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

func workerFramingErrorCases() []workerCase {
	var all []workerCase
	for _, e := range framingErrors {
		all = append(all, workerCase{
			Case: Case{
				Name: e.name, Clauses: []string{"WRK-15", "WRK-14", "WRK-16"}, Framings: e.framings, Cause: e.cause,
			},
			run: func(t *workerT) { t.framingError(e.damaged(t.Framing)) },
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
	framings []Framing
	cause    string
	damaged  func(Framing) []damaged
}

var framingErrors = []framingErrorKind{
	{
		"bad-magic-closes-the-connection", []Framing{Enhanced},
		"The magic is only looked at in the first frame, or the reader scans for the next magic.",
		func(Framing) []damaged {
			all := damagedExits(
				damage{"the magic 51 59", func(h *header) { h.magic[0]++ }},
				damage{"the magic 50 58", func(h *header) { h.magic[1]-- }},
				damage{"a magic whose bytes are swapped", func(h *header) { h.magic = [2]byte{0x59, 0x50} }},
			)
			inner := encodeWith(3, goodExit(Enhanced, readOnStatus), func(h *header) { h.magic = [2]byte{} })
			return append(all, damaged{what: "a magic of zeros, and a whole frame in the payload", data: inner})
		},
	},
	{
		"length-below-18-closes-the-connection", []Framing{Enhanced},
		"18 is subtracted from the length without a look at it, which leaves a negative or a huge size.",
		func(Framing) []damaged {
			all := damagedExits(
				damage{"a length of 0", func(h *header) { h.length = 0 }},
				damage{"a length of 4", func(h *header) { h.length = 4 }},
				damage{"a length of 17", func(h *header) { h.length = 17 }},
			)
			alone := encodeWith(3, nil, func(h *header) { h.length = 17 })
			return append(all, damaged{what: "a length of 17 in a header alone", data: append(alone, goodExit(Enhanced, readOnStatus)...)})
		},
	},
	{
		"payload-over-the-maximum-closes-the-connection", bothFramings,
		"There is no maximum, or it is looked at when the payload is there.",
		func(f Framing) []damaged {
			if f == Basic {
				return []damaged{
					{what: "a claim of one byte over max_payload", data: []byte{0x00, 0xa0, 0x00, 0x01}},
					{what: "a claim of 2^31 bytes", data: []byte{0x80, 0, 0, 0}},
					{what: "a claim of 2^32-1 bytes", data: []byte{0xff, 0xff, 0xff, 0xff}},
				}
			}
			claim := func(length uint32) []byte {
				return encodeWith(3, nil, func(h *header) { h.length = length })
			}
			return []damaged{
				{what: "a claim of one byte over max_payload", data: claim(enhancedHeader + defaultMaxPayload + 1)},
				{what: "a claim of 2^31 bytes", data: claim(1 << 31)},
				{what: "a claim of 2^32-1 bytes", data: claim(1<<32 - 1)},
			}
		},
	},
	{
		"bad-checksum-closes-the-connection", []Framing{Enhanced},
		"The checksum is not compared, or one with another polynomial is, or the frame is dropped and reading goes on.",
		func(Framing) []damaged {
			return damagedExits(
				damage{"one bit of the checksum wrong", func(h *header) { h.crc ^= 1 }},
				damage{"a checksum of 0", func(h *header) { h.crc = 0 }},
				damage{"the IEEE checksum", func(h *header) {
					h.crc = crc32.ChecksumIEEE(request(3, "exit", ranStatus.body()))
				}},
			)
		},
	},
	{
		"other-framing-later-closes-the-connection", bothFramings,
		"The framing is told anew for each frame instead of once for the connection.",
		func(f Framing) []damaged {
			other := Basic
			if f == Basic {
				other = Enhanced
			}
			return []damaged{{what: "a right frame of the " + string(other) + " framing", data: goodExit(other, ranStatus)}}
		},
	},
	{
		"cut-off-header-runs-no-handler", bothFramings,
		"The end of the stream inside a header is taken for a clean end, and the connection leaks, or the worker ends.",
		func(f Framing) []damaged {
			whole := goodExit(f, ranStatus)
			all := []damaged{{"a header cut off after 1 byte", whole[:1], true}, {"a header without its last byte", whole[:f.headerSize()-1], true}}
			if f == Enhanced {
				all = append(all, damaged{"a header cut off after the length", whole[:6], true})
			}
			return all
		},
	},
	{
		"cut-off-payload-runs-no-handler", bothFramings,
		"What has come of a payload is run when the stream ends, as if it were all.",
		func(f Framing) []damaged {
			payload := request(3, "exit", ranStatus.body())
			whole := encode(f, 3, payload)
			return []damaged{
				{"a frame cut off behind a payload that can be run, and that its checksum fits", claimingMore(f, payload), true},
				{"a frame without its last byte", whole[:len(whole)-1], true},
				{"a frame cut off behind its header", whole[:f.headerSize()], true},
			}
		},
	},
}

// claimingMore is a right frame but for its length, which claims ten bytes more than there are.
func claimingMore(f Framing, payload []byte) []byte {
	if f == Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload)+10)), payload...)
	}
	return encodeWith(3, payload, func(h *header) { h.length += 10 })
}

func goodExit(f Framing, s exitStatus) []byte { return encode(f, 4, request(4, "exit", s.body())) }

type damage struct {
	what string
	do   func(*header)
}

// damagedExits are frames with one damage each that call `exit`, and for the first damage also a good frame
// that comes behind.
func damagedExits(all ...damage) []damaged {
	var frames []damaged
	for _, d := range all {
		frames = append(frames, damaged{what: d.what, data: encodeWith(3, request(3, "exit", ranStatus.body()), d.do)})
	}
	behind := append(encodeWith(3, request(3, "echo", "1"), all[0].do), goodExit(Enhanced, readOnStatus)...)
	return append(frames, damaged{what: all[0].what + ", and a good frame behind it", data: behind})
}

// framingError sends each damaged frame on a connection of its own, while another has a call
// outstanding. Its handler would end the process.
func (t *workerT) framingError(all []damaged) {
	p := t.start()
	other := p.served(t.Framing)
	for _, d := range all {
		outstanding := other.ask("sleep", sleepFor(shortSleep/3))
		q := p.served(t.Framing)
		q.send(slices.Clone(d.data))
		if d.ends {
			q.closeSending()
		}
		q.mustEnd("WRK-15", "the connection is closed after "+d.what)
		if got := p.survives("WRK-14", other, outstanding, d.what); !got.OK {
			t.Fail("WRK-16", "the call outstanding on another connection is answered after "+d.what, "the error %q", got.Error)
		}
		p.survives("WRK-14", other, other.ask("echo", `"still served"`), d.what)
	}
}

// survives awaits an answer on another connection. Where the process has died instead, its exit status
// tells which clause that breaks: the one given, where the handler ran of what was damaged.
func (p *process) survives(ran string, other *peer, id uint64, what string) answer {
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
	other.silent("WRK-16", "the call of another connection is answered after "+what)
	return answer{}
}
