package frame_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/ref/frame"
)

func ExampleFramer() {
	var stream bytes.Buffer // or a net.Conn
	f, err := frame.NewFramer(&stream, frame.Options{Framing: frame.Enhanced})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := f.WriteFrame(1, []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	got, err := f.ReadFrame()
	fmt.Println(got.RequestID, string(got.Payload), err)

	_, err = f.ReadFrame()
	fmt.Println(err)
	// Output:
	// 1 hello <nil>
	// EOF
}

func ExampleBeginFrame() {
	var batch []byte
	for id, payload := range []string{"zero", "one"} {
		start := len(batch)
		batch = frame.BeginFrame(batch, frame.Basic)
		batch = append(batch, payload...)
		frame.EndFrame(batch, start, frame.Basic, uint64(id))
	}
	fmt.Printf("%q\n", batch)
	// Output: "\x00\x00\x00\x04zero\x00\x00\x00\x03one"
}

func ExampleFrameError() {
	cutOff := frame.AppendFrame(nil, frame.Enhanced, 1, []byte("hello"))[:20]
	r, err := frame.NewReader(bytes.NewReader(cutOff), frame.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = r.ReadFrame()
	fmt.Println(errors.Is(err, frame.ErrTruncated))
	fmt.Println(err)
	// Output:
	// true
	// frame: truncated in the frame at offset 0 of the stream: found the end of the stream after 20 bytes, expected at least 23; the peer went away in the middle of a frame: see why it ended
}
