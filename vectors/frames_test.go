package vectors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/vectors"
)

// The check value that SPEC.md gives, computed by a library and found in the files.
func TestChecksumsInTheFilesAreCRC32C(t *testing.T) {
	require.EqualValues(t, 0xE3069283, crc32.Checksum([]byte("123456789"), crc32.MakeTable(crc32.Castagnoli)))
	v := frameVector(t, "enhanced-payload-check-value")
	require.Equal(t, "123456789", string(v.Frames[0].Payload))
	require.Equal(t, "e3069283", hex.EncodeToString(v.Bytes[14:18]))
}

func TestWorkedExampleOfTheSpecificationIsAVector(t *testing.T) {
	v := frameVector(t, "enhanced-payload-json")
	require.Equal(t, "5059000000360000000000000001b814bb6f"+hex.EncodeToString([]byte(`{"id":1,"method":"echo","body":"hi"}`)), hex.EncodeToString(v.Bytes))
	b := frameVector(t, "basic-payload-json")
	require.Equal(t, "00000024", hex.EncodeToString(b.Bytes[:4]))
}

func TestAnotherDecoderReachesEveryVerdictInEveryDelivery(t *testing.T) {
	for _, v := range frameVectors(t) {
		t.Run(v.TcID, func(t *testing.T) {
			requireVerdict(t, v, bytes.NewReader(v.Bytes))
			requireVerdict(t, v, iotest.OneByteReader(bytes.NewReader(v.Bytes)))
			for at := range min(len(v.Bytes), 64) {
				requireVerdict(t, v, io.MultiReader(bytes.NewReader(v.Bytes[:at]), bytes.NewReader(v.Bytes[at:])))
			}
		})
	}
}

func TestVectorsJoinedBehindValidOnesKeepTheirVerdicts(t *testing.T) {
	all := frameVectors(t)
	for _, v := range all {
		joined := v
		joined.Bytes, joined.Frames = nil, nil
		for _, before := range all {
			if before.Valid() && before.Framing == v.Framing && before.MaxPayload == v.MaxPayload && len(before.Bytes) < 200 {
				joined.Bytes = append(joined.Bytes, before.Bytes...)
				joined.Frames = append(joined.Frames, before.Frames...)
			}
		}
		joined.Bytes = append(joined.Bytes, v.Bytes...)
		joined.Frames = append(joined.Frames, v.Frames...)
		requireVerdict(t, joined, bytes.NewReader(joined.Bytes))
	}
}

// A receiver that reads headers whole needs exactly the bytes that decidedAt says:
// it reaches the verdict with no more, and could not with one less.
func TestDecidedAtIsWhereTheVerdictIsKnown(t *testing.T) {
	errMore := errors.New("asked for more")
	for _, v := range frameVectors(t) {
		if v.Valid() || v.Error == vectors.Truncated {
			continue
		}
		t.Run(v.TcID, func(t *testing.T) {
			upTo := func(n int) io.Reader { return io.MultiReader(bytes.NewReader(v.Bytes[:n]), iotest.ErrReader(errMore)) }
			requireVerdict(t, v, upTo(v.DecidedAt))
			_, kind := readFrames(upTo(v.DecidedAt-1), string(v.Framing), v.MaxPayload)
			require.Equal(t, errMore.Error(), kind)
		})
	}
}

func TestTruncatedIsDecidedByTheEndOfTheStream(t *testing.T) {
	for _, v := range frameVectors(t) {
		if v.Error == vectors.Truncated {
			require.Equal(t, len(v.Bytes), v.DecidedAt, v.TcID)
		}
	}
}

// A frame can be written in one way only, so a valid vector is a test of writers too.
func TestFramesOfValidVectorsWriteBackToTheirBytes(t *testing.T) {
	for _, v := range frameVectors(t) {
		if !v.Valid() {
			continue
		}
		var written []byte
		for _, f := range v.Frames {
			written = append(written, frameBytes(v.Framing, f)...)
		}
		require.Equal(t, hex.EncodeToString(v.Bytes), hex.EncodeToString(written), v.TcID)
	}
}

// Of a header that is cut off and has something wrong in what came, a receiver may
// say either [SPEC.md, Left open on purpose].
func TestNoVectorHasADefectInAHeaderThatIsCutOff(t *testing.T) {
	for _, v := range frameVectors(t) {
		if v.Framing != vectors.Enhanced || v.Error != vectors.Truncated {
			continue
		}
		rest := v.Bytes
		for _, f := range v.Frames {
			rest = rest[len(frameBytes(v.Framing, f)):]
		}
		if len(rest) >= 18 {
			continue
		}
		require.True(t, strings.HasPrefix("PY", string(rest[:min(2, len(rest))])), v.TcID)
		if len(rest) >= 6 {
			length := binary.BigEndian.Uint32(rest[2:])
			require.GreaterOrEqual(t, length, uint32(18), v.TcID)
			require.LessOrEqual(t, length-18, v.MaxPayload, v.TcID)
		}
	}
}

func TestNoTwoVectorsAskTheSameQuestion(t *testing.T) {
	type question struct {
		framing    vectors.Framing
		maxPayload uint32
		bytes      string
	}
	asked := map[question]string{}
	for _, v := range frameVectors(t) {
		q := question{v.Framing, v.MaxPayload, string(v.Bytes)}
		require.Empty(t, asked[q], "%s has the bytes of this one", v.TcID)
		asked[q] = v.TcID
	}
}

func requireVerdict(t *testing.T, v vectors.FrameVector, stream io.Reader) {
	t.Helper()
	frames, kind := readFrames(stream, string(v.Framing), v.MaxPayload)
	require.Equal(t, string(v.Error), kind)
	require.True(t, slices.EqualFunc(v.Frames, frames, vectors.Frame.Equal), "want %v, got %v", v.Frames, frames)
}

func frameBytes(framing vectors.Framing, f vectors.Frame) []byte {
	if framing == vectors.Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(f.Payload))), f.Payload...)
	}
	out := binary.BigEndian.AppendUint32([]byte("PY"), uint32(18+len(f.Payload)))
	out = binary.BigEndian.AppendUint64(out, f.ID)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(f.Payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, f.Payload...)
}

func loaded(t *testing.T) vectors.Set {
	t.Helper()
	set, err := vectors.Load()
	require.NoError(t, err)
	return set
}

func frameVectors(t *testing.T) []vectors.FrameVector {
	t.Helper()
	set := loaded(t)
	return slices.Concat(set.Enhanced, set.Basic, set.Streams)
}

func frameVector(t *testing.T, tcID string) vectors.FrameVector {
	t.Helper()
	all := frameVectors(t)
	i := slices.IndexFunc(all, func(v vectors.FrameVector) bool { return v.TcID == tcID })
	require.GreaterOrEqual(t, i, 0, "no vector %s", tcID)
	return all[i]
}
