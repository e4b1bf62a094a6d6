//go:build !gofuzz

package fuzz

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/vectors"
)

// Each check fails on each fault for at least one seed, and on none without a fault.

// caught says for how many of n seeds a check fails.
func caught(n int, check func(i int) error) int {
	failures := 0
	for i := range n {
		if check(i) != nil {
			failures++
		}
	}
	return failures
}

// requireCaught is that of a check of an implementation with a fault.
func requireCaught(t *testing.T, faults []string, n int, check func(fault string, i int) error) {
	t.Helper()
	for i := range n {
		require.NoError(t, check("", i), "without a fault")
	}
	for _, fault := range faults {
		require.NotZero(t, caught(n, func(i int) error { return check(fault, i) }), fault)
	}
}

func isBasic(v vectors.FrameVector) frame.Framing { return framingOf(v.Framing == vectors.Basic) }

func TestDecodeCatchesFaults(t *testing.T) {
	seeds := streamSeeds()
	requireCaught(t, faultsOfReading, len(seeds), func(fault string, i int) error {
		return checkDecode(faulty(fault), seeds[i].Bytes, isBasic(seeds[i]), limit(seeds[i].MaxPayload))
	})
}

func TestDecodeRepairedCatchesFaults(t *testing.T) {
	seeds := streamSeeds()
	requireCaught(t, faultsOfReading, 16*len(seeds), func(fault string, i int) error {
		return checkRepaired(faulty(fault), seeds[i/16].Bytes, isBasic(seeds[i/16]), uint16(i))
	})
}

func TestDeliveryCatchesFaults(t *testing.T) {
	seeds := streamSeeds()
	requireCaught(t, []string{"forgets what the last piece began"}, len(seeds), func(fault string, i int) error {
		return checkDelivery(faulty(fault), seeds[i].Bytes, []byte{5}, isBasic(seeds[i]), uint16(i%2))
	})
}

func TestEncodeCatchesFaults(t *testing.T) {
	check := func(write writing, i int) error {
		f := frame.Frame{RequestID: uint64(i), Payload: bytes.Repeat([]byte{1}, i%7)}
		return checkEncode(write, f, framingOf(i%3 == 0), 1+i%11, i)
	}
	for name, write := range writings(3) {
		require.Zero(t, caught(200, func(i int) error { return check(write, i) }), name)
	}
	for fault, write := range faultsOfWriting {
		require.NotZero(t, caught(200, func(i int) error { return check(write, i) }), fault)
	}
}

func TestDifferentialCatchesFaults(t *testing.T) {
	seeds := streamSeeds()
	faults := append([]string{"forgets what the last piece began"}, faultsOfReading...)
	all := codecs(t.Cleanup)
	requireCaught(t, faults, len(seeds), func(fault string, i int) error {
		all["faulty"] = faulty(fault)
		return checkAgreement(all, seeds[i].Bytes, isBasic(seeds[i]), limit(seeds[i].MaxPayload), 7)
	})
}

func TestMessageCatchesFaults(t *testing.T) {
	seeds := messageSeeds()
	p := openPython(t.Cleanup)
	for fault, read := range faultsOfParsing() {
		require.NotZero(t, caught(len(seeds), func(i int) error { return checkMessage(read, seeds[i].Bytes, p) }), fault)
	}
}

func TestInspectionCatchesFaults(t *testing.T) {
	seeds := streamSeeds()
	requireCaught(t, faultsOfInspectors, len(seeds), func(fault string, i int) error {
		v := seeds[i]
		return checkInspection(func(o inspect.Options) (inspector, error) {
			right, err := newInspector(o)
			return faultyInspector{right, fault}, err
		}, v.Bytes, v.Bytes, suiteFraming(isBasic(v)), limit(v.MaxPayload), len(v.Bytes))
	})
}

func TestOperationsCatchFaults(t *testing.T) {
	// Frames are written, arrive and are read, and in the end the stream breaks.
	list := []operation{
		{Kind: 0, ID: 1, Size: 30}, {Kind: 0, ID: 2, Size: 30}, {Kind: 3, Size: 48}, {Kind: 6}, {Kind: 5},
		{Kind: 3, Size: 500}, {Kind: 5}, {Kind: 7, Size: 7}, {Kind: 0, ID: 3, Size: 5}, {Kind: 7}, {Kind: 0, ID: 4, Size: 5},
	}
	requireCaught(t, faultsOfFramers, 1, func(fault string, _ int) error {
		return checkOperations(func(rw io.ReadWriter, o frame.Options) (framer, error) {
			f, err := frame.NewFramer(rw, o)
			return &faultyFramer{Framer: f, fault: fault}, err
		}, list, frame.Enhanced)
	})
}
