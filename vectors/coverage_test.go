package vectors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/vectors"
)

// What the set must hold, told from the bytes and not from names.

func TestEveryErrorKindIsThereAloneAndInAStream(t *testing.T) {
	set := loaded(t)
	for _, c := range []struct {
		file    []vectors.FrameVector
		framing vectors.Framing
		kinds   []vectors.ErrorKind
	}{
		{set.Enhanced, vectors.Enhanced, []vectors.ErrorKind{"", vectors.BadMagic, vectors.BadLength, vectors.TooLarge, vectors.Truncated, vectors.BadCRC}},
		{set.Basic, vectors.Basic, []vectors.ErrorKind{"", vectors.TooLarge, vectors.Truncated}},
		{set.Streams, vectors.Enhanced, []vectors.ErrorKind{"", vectors.BadMagic, vectors.BadLength, vectors.TooLarge, vectors.Truncated, vectors.BadCRC}},
		{set.Streams, vectors.Basic, []vectors.ErrorKind{"", vectors.TooLarge, vectors.Truncated}},
	} {
		for _, kind := range c.kinds {
			some(t, c.file, "%s %q", func(v vectors.FrameVector) bool { return v.Framing == c.framing && v.Error == kind }, c.framing, kind)
		}
	}
}

func TestStreamsAreDamagedBehindGoodFramesAndBeforeGoodFrames(t *testing.T) {
	for _, kind := range []vectors.ErrorKind{vectors.BadMagic, vectors.BadLength, vectors.TooLarge, vectors.BadCRC} {
		some(t, loaded(t).Streams, "%s between good frames", func(v vectors.FrameVector) bool {
			last := frameBytes(vectors.Enhanced, vectors.Frame{ID: 3, Payload: []byte("third")})
			return v.Error == kind && len(v.Frames) > 0 && bytes.HasSuffix(v.Bytes, last)
		}, kind)
	}
}

func TestEveryBoundaryOfRequestIDsIsThere(t *testing.T) {
	for _, id := range []uint64{0, 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 + 1, 1 << 63, 1<<64 - 1} {
		some(t, loaded(t).Enhanced, "request ID %d", func(v vectors.FrameVector) bool {
			return v.Valid() && len(v.Frames) == 1 && v.Frames[0].ID == id
		}, id)
		for _, receiver := range []vectors.Receiver{vectors.Worker, vectors.Pool} {
			if id == 0 {
				continue // left open
			}
			require.True(t, slices.ContainsFunc(loaded(t).Messages, func(m vectors.MessageVector) bool {
				return m.Receiver == receiver && m.ID == id && m.HeaderID == id &&
					(m.Outcome == vectors.OutcomeRequest || m.Outcome == vectors.OutcomeResponse)
			}), "%s: request ID %d", receiver, id)
		}
	}
}

func TestEveryBoundaryOfLengthsIsThere(t *testing.T) {
	for _, c := range []struct {
		length uint32
		kind   vectors.ErrorKind
	}{
		{0, vectors.BadLength},
		{1, vectors.BadLength},
		{17, vectors.BadLength},
		{18, ""},
		{1 << 31, vectors.TooLarge},
		{1<<32 - 1, vectors.TooLarge},
	} {
		some(t, loaded(t).Enhanced, "enhanced length %d, %q", func(v vectors.FrameVector) bool {
			return v.Error == c.kind && bytes.HasPrefix(v.Bytes, binary.BigEndian.AppendUint32([]byte("PY"), c.length))
		}, c.length, c.kind)
	}
	for _, length := range []uint32{1 << 31, 1<<32 - 1} {
		some(t, loaded(t).Basic, "basic length %d", func(v vectors.FrameVector) bool {
			return v.Error == vectors.TooLarge && bytes.HasPrefix(v.Bytes, binary.BigEndian.AppendUint32(nil, length))
		}, length)
	}
}

func TestEveryBoundaryOfPayloadsIsThere(t *testing.T) {
	set := loaded(t)
	for framing, file := range map[vectors.Framing][]vectors.FrameVector{vectors.Enhanced: set.Enhanced, vectors.Basic: set.Basic} {
		header := len(frameBytes(framing, vectors.Frame{}))
		for _, limit := range []uint32{64, 1024} {
			for _, size := range []uint32{limit - 1, limit} {
				some(t, file, "%s: %d bytes under a limit of %d", func(v vectors.FrameVector) bool {
					return v.Valid() && v.MaxPayload == limit && len(v.Frames) == 1 && len(v.Frames[0].Payload) == int(size)
				}, framing, size, limit)
			}
			some(t, file, "%s: one over the limit of %d", func(v vectors.FrameVector) bool {
				return v.Error == vectors.TooLarge && v.MaxPayload == limit && len(v.Bytes) == header+int(limit)+1
			}, framing, limit)
		}
		for _, size := range []int{0, 1} {
			some(t, file, "%s: %d bytes", func(v vectors.FrameVector) bool {
				return v.Valid() && len(v.Frames) == 1 && len(v.Frames[0].Payload) == size
			}, framing, size)
		}
	}
}

func TestEveryByteOfMagicAndChecksumIsWrongInSomeVector(t *testing.T) {
	for _, c := range []struct {
		offset int
		kind   vectors.ErrorKind
	}{
		{0, vectors.BadMagic}, {1, vectors.BadMagic},
		{14, vectors.BadCRC}, {15, vectors.BadCRC}, {16, vectors.BadCRC}, {17, vectors.BadCRC},
	} {
		some(t, loaded(t).Enhanced, "only byte %d wrong", func(v vectors.FrameVector) bool {
			if v.Error != c.kind || len(v.Bytes) <= 18 {
				return false
			}
			repaired := frameBytes(vectors.Enhanced, vectors.Frame{ID: binary.BigEndian.Uint64(v.Bytes[6:]), Payload: v.Bytes[18:]})
			return slices.Equal(differences(repaired, v.Bytes), []int{c.offset})
		}, c.offset)
	}
}

func TestChecksumsOfWrongImplementationsAreThere(t *testing.T) {
	payload := []byte("123456789")
	right := crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
	whole := frameBytes(vectors.Enhanced, vectors.Frame{ID: 1, Payload: payload})
	for name, wrong := range map[string]uint32{
		"IEEE":                  crc32.ChecksumIEEE(payload),
		"no final xor":          ^right,
		"header and payload":    crc32.Checksum(append(slices.Clone(whole[:14]), payload...), crc32.MakeTable(crc32.Castagnoli)),
		"bytes in little order": binary.LittleEndian.Uint32(binary.BigEndian.AppendUint32(nil, right)),
		"none":                  0,
	} {
		sent := slices.Clone(whole)
		binary.BigEndian.PutUint32(sent[14:], wrong)
		some(t, loaded(t).Enhanced, "checksum: %s", func(v vectors.FrameVector) bool {
			return v.Error == vectors.BadCRC && bytes.Equal(v.Bytes, sent)
		}, name)
	}
}

// The bytes are written out here, so that a slip in the generators' encoder shows.
func TestWhatWrongImplementationsSendIsThere(t *testing.T) {
	const digits = "313233343536373839" // 123456789
	set := loaded(t)
	for name, c := range map[string]struct {
		file []vectors.FrameVector
		sent string
		kind vectors.ErrorKind
	}{
		"length as little-endian":      {set.Enhanced, "5059 1b000000 0000000000000001 e3069283" + digits, vectors.TooLarge},
		"ID as little-endian":          {set.Enhanced, "5059 0000001b 0700000000000000 e3069283" + digits, ""},
		"checksum as little-endian":    {set.Enhanced, "5059 0000001b 0000000000000001 839206e3" + digits, vectors.BadCRC},
		"all as little-endian":         {set.Enhanced, "5059 1b000000 0100000000000000 839206e3" + digits, vectors.TooLarge},
		"magic as little-endian":       {set.Enhanced, "5950 0000001b 0000000000000001 e3069283" + digits, vectors.BadMagic},
		"header of 14 bytes":           {set.Enhanced, "5059 00000017 00000001 e3069283" + digits, vectors.BadCRC},
		"length of the payload alone":  {set.Enhanced, "5059 00000009 0000000000000001", vectors.BadLength},
		"basic frame as enhanced":      {set.Enhanced, "00000024 7b226964223a31", vectors.BadMagic},
		"enhanced frame as basic":      {set.Basic, "5059 0000001b 0000000000000001 e3069283" + digits, vectors.TooLarge},
		"basic length, little-endian":  {set.Basic, "09000000" + digits, vectors.TooLarge},
		"basic length with its header": {set.Basic, "0000000d" + digits, vectors.Truncated},
		"line end between frames":      {set.Streams, "5059 00000017 0000000000000001 8a3ea150 6669727374 0a 5059", vectors.BadMagic},
	} {
		sent, err := hex.DecodeString(strings.ReplaceAll(c.sent, " ", ""))
		require.NoError(t, err)
		some(t, c.file, "%s", func(v vectors.FrameVector) bool {
			return v.Error == c.kind && bytes.HasPrefix(v.Bytes, sent)
		}, name)
	}
}

func TestErrorsOfAHeaderAreThereWithoutAPayload(t *testing.T) {
	set := loaded(t)
	for _, kind := range []vectors.ErrorKind{vectors.BadMagic, vectors.BadLength, vectors.TooLarge} {
		some(t, set.Enhanced, "%s in 18 bytes", func(v vectors.FrameVector) bool { return v.Error == kind && len(v.Bytes) == 18 }, kind)
	}
	some(t, set.Basic, "%s in 4 bytes", func(v vectors.FrameVector) bool { return v.Error == vectors.TooLarge && len(v.Bytes) == 4 }, vectors.TooLarge)
}

func TestEveryCheckIsThereBeforeEachLaterOne(t *testing.T) {
	checks := []vectors.ErrorKind{vectors.BadMagic, vectors.BadLength, vectors.TooLarge, vectors.Truncated, vectors.BadCRC}
	for i, first := range checks {
		for _, second := range checks[i+1:] {
			if first == vectors.BadLength && second == vectors.TooLarge {
				continue // no length is both
			}
			some(t, loaded(t).Enhanced, "%s before %s", func(v vectors.FrameVector) bool {
				return v.Error == first && slices.Contains(v.Flags, "order") && slices.Contains(defects(v), second)
			}, first, second)
		}
	}
}

func TestTheDefaultLimitIsThereFromBothSides(t *testing.T) {
	set := loaded(t)
	for _, file := range [][]vectors.FrameVector{set.Enhanced, set.Basic} {
		for _, kind := range []vectors.ErrorKind{vectors.TooLarge, vectors.Truncated} {
			some(t, file, "default limit: %s", func(v vectors.FrameVector) bool {
				return v.Error == kind && v.MaxPayload == 10485760 && slices.Contains(v.Flags, "default-limit")
			}, kind)
		}
	}
}

func TestStreamsAreCutAtEveryOffsetOfAHeader(t *testing.T) {
	set := loaded(t)
	for framing, file := range map[vectors.Framing][]vectors.FrameVector{vectors.Enhanced: set.Enhanced, vectors.Basic: set.Basic} {
		for at := 1; at <= len(frameBytes(framing, vectors.Frame{})); at++ {
			some(t, file, "%s cut at %d", func(v vectors.FrameVector) bool {
				return v.Error == vectors.Truncated && len(v.Bytes) == at
			}, framing, at)
		}
		some(t, set.Streams, "%s without a byte", func(v vectors.FrameVector) bool {
			return v.Framing == framing && v.Valid() && len(v.Bytes) == 0
		}, framing)
	}
}

func TestEveryOutcomeIsThereForEachReceiver(t *testing.T) {
	for receiver, outcomes := range map[vectors.Receiver][]vectors.Outcome{
		vectors.Worker: {vectors.OutcomeRequest, vectors.OutcomeCancellation, vectors.OutcomeErrorAnswer, vectors.OutcomeIgnored, vectors.OutcomeViolation},
		vectors.Pool:   {vectors.OutcomeResponse, vectors.OutcomeUnreadable, vectors.OutcomeViolation},
	} {
		for _, outcome := range outcomes {
			require.True(t, slices.ContainsFunc(loaded(t).Messages, func(m vectors.MessageVector) bool {
				return m.Receiver == receiver && m.Outcome == outcome
			}), "%s: %s", receiver, outcome)
		}
	}
}

// defects are all that is wrong with the one frame of an enhanced vector, found
// without stopping at the first.
func defects(v vectors.FrameVector) []vectors.ErrorKind {
	var found []vectors.ErrorKind
	if string(v.Bytes[:2]) != "PY" {
		found = append(found, vectors.BadMagic)
	}
	length, payload := binary.BigEndian.Uint32(v.Bytes[2:]), v.Bytes[18:]
	switch {
	case length < 18:
		found = append(found, vectors.BadLength)
	case length-18 > v.MaxPayload:
		found = append(found, vectors.TooLarge)
	}
	if uint32(len(payload)) < length-18 { // below 18 the difference wraps, as it does in a careless framer
		found = append(found, vectors.Truncated)
	}
	if crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(v.Bytes[14:]) {
		found = append(found, vectors.BadCRC)
	}
	return found
}

func some(t *testing.T, file []vectors.FrameVector, message string, is func(vectors.FrameVector) bool, args ...any) {
	t.Helper()
	require.True(t, slices.ContainsFunc(file, is), append([]any{message}, args...)...)
}

// differences are the offsets at which two byte strings of one length differ.
func differences(a, b []byte) []int {
	if len(a) != len(b) {
		return nil
	}
	var at []int
	for i := range a {
		if a[i] != b[i] {
			at = append(at, i)
		}
	}
	return at
}
