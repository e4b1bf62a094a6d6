package framer

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// A delivery is one way for the bytes of a vector to arrive.
type delivery struct {
	name   string
	vector vectors.FrameVector // what the framer must read, frames before and behind it included
	pieces [][]byte
}

// whole delivers a vector in one piece.
func whole(v vectors.FrameVector) delivery {
	return delivery{"whole", v, [][]byte{v.Bytes}}
}

// byteByByte delivers a vector in as many pieces as it has bytes.
func byteByByte(v vectors.FrameVector) delivery {
	return delivery{"byte by byte", v, slices.Collect(slices.Chunk(v.Bytes, 1))}
}

// deliveries returns all ways to deliver a vector: whole, byte by byte, cut at each offset in a header, between right
// frames, and in pieces of random sizes that are the same in each run.
func deliveries(v vectors.FrameVector) []delivery {
	behind := behindNeighbour(v)
	all := []delivery{
		whole(v), byteByByte(v),
		{"behind a right frame", behind, [][]byte{behind.Bytes}},
		{"behind a right frame, byte by byte", behind, byteByByte(behind).pieces},
	}
	if v.Error != vectors.Truncated { // a next frame would be read as the rest of this one
		before, between := beforeNeighbour(v), beforeNeighbour(behind)
		all = append(all,
			delivery{"before a right frame", before, [][]byte{before.Bytes}},
			delivery{"between right frames", between, [][]byte{between.Bytes}})
	}
	if len(v.Frames) > 1 {
		all = append(all, delivery{"a frame in each piece", v, cutAt(v.Bytes, frameStarts(v)...)})
	}
	for _, at := range headerOffsets(v) {
		all = append(all, delivery{fmt.Sprintf("cut at byte %d", at), v, cutAt(v.Bytes, at)})
	}
	name := fnv.New64a()
	_, _ = io.WriteString(name, v.TcID)
	random := rand.New(rand.NewPCG(name.Sum64(), 0))
	for range 4 {
		all = append(all, randomPieces(v, random))
	}
	return all
}

// neighbour is a right frame that is below every limit.
var neighbour = vectors.Frame{ID: 0xb, Payload: []byte("n")}

// behindNeighbour returns the vector with a right frame before it on the stream.
func behindNeighbour(v vectors.FrameVector) vectors.FrameVector {
	bytes, frame := neighbourIn(v)
	v.Bytes = slices.Concat(bytes, v.Bytes)
	v.Frames = append([]vectors.Frame{frame}, v.Frames...)
	v.DecidedAt += len(bytes)
	return v
}

// beforeNeighbour returns the vector with a right frame behind it. That frame is read unless there was an error before.
func beforeNeighbour(v vectors.FrameVector) vectors.FrameVector {
	bytes, frame := neighbourIn(v)
	v.Bytes = slices.Concat(v.Bytes, bytes)
	if v.Valid() {
		v.Frames = append(slices.Clone(v.Frames), frame)
	}
	return v
}

// neighbourIn returns the neighbour in a framing, as bytes and as it is read.
func neighbourIn(v vectors.FrameVector) ([]byte, vectors.Frame) {
	frame := neighbour
	if v.Framing == vectors.Basic {
		frame.ID = 0
	}
	return wire.Encode(spec.Framing(v.Framing), frame.ID, frame.Payload), frame
}

// cutAt cuts bytes at offsets, which rise.
func cutAt(bytes []byte, offsets ...int) [][]byte {
	var pieces [][]byte
	from := 0
	for _, at := range append(slices.Clone(offsets), len(bytes)) {
		if at > from && at <= len(bytes) {
			pieces = append(pieces, bytes[from:at])
			from = at
		}
	}
	return pieces
}

// frameStarts returns the offsets at which the frames of a vector begin, and as the last one where they end.
func frameStarts(v vectors.FrameVector) []int {
	starts := []int{0}
	for i, f := range v.Frames {
		starts = append(starts, starts[i]+spec.Framing(v.Framing).HeaderSize()+len(f.Payload))
	}
	return starts
}

// headerOffsets returns the offsets within and right behind the first header of a vector, and the header that decides
// how it is read.
func headerOffsets(v vectors.FrameVector) []int {
	starts := frameStarts(v)
	decides := starts[len(starts)-1]
	if v.Valid() && len(starts) > 1 {
		decides = starts[len(starts)-2]
	}
	var offsets []int
	for _, start := range []int{starts[0], decides} {
		for i := range spec.Framing(v.Framing).HeaderSize() + 1 {
			if at := start + i; at > 0 && at < len(v.Bytes) {
				offsets = append(offsets, at)
			}
		}
	}
	slices.Sort(offsets)
	return slices.Compact(offsets)
}

// randomPieces delivers a vector in pieces of random sizes, most of them small.
func randomPieces(v vectors.FrameVector, random *rand.Rand) delivery {
	var offsets, sizes []int
	for at := 0; at < len(v.Bytes); {
		size := 1 + random.IntN(1+random.IntN(40))
		at += size
		offsets = append(offsets, at)
		sizes = append(sizes, min(size, len(v.Bytes)-(at-size)))
	}
	name := fmt.Sprintf("in pieces of %v bytes", sizes[:min(len(sizes), 12)])
	if len(sizes) > 12 {
		name += " and more"
	}
	return delivery{name, v, cutAt(v.Bytes, offsets...)}
}
