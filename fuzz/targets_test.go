package fuzz

import (
	"io"
	"testing"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/vectors"
)

// This file holds the targets and nothing else. The tool that builds them for libFuzzer makes it a part
// of the package proper, puts a testing package of its own in the place of Go's, and calls a target
// once for each input: so what stands outside f.Fuzz is cheap there.

// FuzzDecodeRaw reads any bytes.
func FuzzDecodeRaw(f *testing.F) {
	for _, v := range streamSeeds() {
		add(f, v.Bytes, v.Framing == vectors.Basic, v.MaxPayload)
	}
	f.Fuzz(func(t *testing.T, data []byte, basic bool, maxPayload uint32) {
		report(t, checkDecode(inPlace, data, framingOf(basic), limit(maxPayload)))
	})
}

// FuzzDecodeRepaired reads frames whose checksums are right, but for one.
func FuzzDecodeRepaired(f *testing.F) {
	for i, v := range streamSeeds() {
		add(f, v.Bytes, v.Framing == vectors.Basic, uint16(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, basic bool, damage uint16) {
		report(t, checkRepaired(owned, data, framingOf(basic), damage))
	})
}

// FuzzDelivery reads the same bytes whole and in pieces.
func FuzzDelivery(f *testing.F) {
	for i, v := range streamSeeds() {
		add(f, v.Bytes, []byte{byte(i), byte(i >> 2)}, v.Framing == vectors.Basic, uint16(i%3*i*i))
	}
	f.Fuzz(func(t *testing.T, data, cuts []byte, basic bool, stretch uint16) {
		report(t, checkDelivery(inPlace, data, cuts, framingOf(basic), stretch))
		report(t, checkDelivery(owned, data, cuts, framingOf(basic), stretch))
	})
}

// FuzzEncode writes a frame in every way there is.
func FuzzEncode(f *testing.F) {
	for i, v := range streamSeeds() {
		for _, frame := range v.Frames {
			add(f, frame.ID, frame.Payload, v.Framing == vectors.Basic, v.MaxPayload, uint16(i%5*i), uint16(i), uint32(i%3*len(v.Bytes)/2))
		}
	}
	f.Fuzz(func(t *testing.T, id uint64, payload []byte, basic bool, maxPayload uint32, repeat, cut uint16, room uint32) {
		made := frame.Frame{RequestID: id, Payload: repeated(payload, repeat)}
		for _, write := range writings(int(cut)) {
			report(t, checkEncode(write, made, framingOf(basic), limit(maxPayload), int(room)))
		}
	})
}

// FuzzDifferential reads any bytes with every codec there is.
func FuzzDifferential(f *testing.F) {
	codecs := codecs(f.Cleanup)
	for i, v := range streamSeeds() {
		add(f, v.Bytes, v.Framing == vectors.Basic, v.MaxPayload, uint16(1+i%20))
	}
	f.Fuzz(func(t *testing.T, data []byte, basic bool, maxPayload uint32, step uint16) {
		report(t, checkAgreement(codecs, data, framingOf(basic), limit(maxPayload), int(step)))
	})
}

// FuzzMessage reads one payload as a worker and as a pool would.
func FuzzMessage(f *testing.F) {
	for _, v := range messageSeeds() {
		add(f, v.Bytes)
	}
	p := openPython(f.Cleanup)
	f.Fuzz(func(t *testing.T, payload []byte) {
		report(t, checkMessage(reference, payload, p))
	})
}

// FuzzInspection gives the suite both directions of a connection.
func FuzzInspection(f *testing.F) {
	for i, v := range messageSeeds() {
		request := appendFrame(nil, framingOf(i%2 == 0), frame.Frame{RequestID: v.HeaderID, Payload: v.Bytes})
		add(f, request, request, uint8(i), v.Receiver == vectors.Pool, uint16(i))
	}
	f.Fuzz(func(t *testing.T, fromPool, fromWorker []byte, framing uint8, small bool, step uint16) {
		framings := []conformance.Framing{"", conformance.Enhanced, conformance.Basic}
		maxPayload := 1 << 20
		if small {
			maxPayload = 30
		}
		report(t, checkInspection(newInspector, fromPool, fromWorker, framings[int(framing)%3], maxPayload, int(step)))
	})
}

// FuzzOperations does one thing after the other to a framer.
func FuzzOperations(f *testing.F) {
	for _, v := range streamSeeds() {
		add(f, v.Bytes, v.Framing == vectors.Basic)
	}
	f.Fuzz(func(t *testing.T, data []byte, basic bool) {
		report(t, checkOperations(newFramer, operations(data), framingOf(basic)))
	})
}

func newFramer(rw io.ReadWriter, o frame.Options) (framer, error) { return frame.NewFramer(rw, o) }

// limit makes a limit that every codec takes: 0 would be the default, and the largest are refused [FRM-14].
func limit(n uint32) int { return 1 + int(n%(frame.MaxPayloadLimit-1)) }

func repeated(payload []byte, times uint16) []byte {
	var all []byte
	for range min(1+int(times), 1+repairedMax/max(1, len(payload))) {
		all = append(all, payload...)
	}
	return all
}

func report(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
