package vectors_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/pyproctest/pyproctest/vectors"
)

// readBasic is somebody's reader of basic frames, which takes a frame that the stream cuts off for a whole one.
func readBasic(r io.Reader) (payload []byte, err error) {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, int64(binary.BigEndian.Uint32(header[:]))))
}

// A reader is held against each vector of a right frame, and against one that the stream cuts off.
func ExampleLoad() {
	set, err := vectors.Load()
	if err != nil {
		panic(err)
	}
	right, taken := 0, 0
	for _, v := range set.Basic {
		payload, err := readBasic(bytes.NewReader(v.Bytes))
		switch {
		case v.Valid() && len(v.Frames) == 1 && err == nil && bytes.Equal(payload, v.Frames[0].Payload):
			right++
		case v.Error == vectors.Truncated && err == nil:
			taken++
		}
	}
	fmt.Println("right frames were read:", right > 0)
	fmt.Println("frames that were cut off were taken for whole ones:", taken > 0)
	// Output:
	// right frames were read: true
	// frames that were cut off were taken for whole ones: true
}
