package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// named is an input and what messages call it.
type named struct {
	io.ReadCloser
	name string
}

// input returns the bytes that the arguments name.
func input(stdin io.Reader, args []string, asHex bool) (in named, err error) {
	switch file, err := os.Open(args[0]); {
	case len(args) == 1 && args[0] == "-":
		in = named{io.NopCloser(stdin), "standard input"}
	case len(args) == 1 && err == nil:
		in = named{file, args[0]}
	default:
		if file != nil {
			_ = file.Close()
		}
		data, bad := fromHex(strings.Join(args, ""))
		switch {
		case bad != nil && len(args) == 1 && err != nil && !errors.Is(err, fs.ErrNotExist):
			return named{}, err
		case bad != nil:
			return named{}, fmt.Errorf("%s is not a file, and not bytes in hex: %w", strings.Join(args, " "), bad)
		case len(data) == 0:
			return named{}, errors.New("the argument is empty: give a file, - for standard input, or the bytes in hex")
		}
		return named{io.NopCloser(bytes.NewReader(data)), "the argument"}, nil
	}
	if asHex {
		in.ReadCloser = &hexReader{in: in.ReadCloser}
	}
	return in, nil
}

// fromHex reads hex digits with white space, colons and commas between them.
func fromHex(text string) ([]byte, error) {
	return io.ReadAll(&hexReader{in: io.NopCloser(strings.NewReader(text))})
}

// hexReader reads the bytes that a text of hex digits names.
type hexReader struct {
	in     io.ReadCloser
	digits []byte // that are not used yet
	begun  bool
	err    error
}

func (h *hexReader) Read(p []byte) (n int, err error) {
	for n == 0 && h.err == nil {
		block := make([]byte, 2*len(p))
		read, err := h.in.Read(block)
		for _, b := range block[:read] {
			if !strings.ContainsRune(hexBetween, rune(b)) {
				h.digits = append(h.digits, b)
			}
		}
		if !h.begun && (len(h.digits) >= 2 || err != nil) {
			h.begun, h.digits = true, bytes.TrimPrefix(h.digits, []byte("0x"))
		}
		switch {
		case err == io.EOF && len(h.digits)%2 == 1:
			h.err = fmt.Errorf("not bytes in hex: %w", hex.ErrLength)
			if _, bad := hex.DecodeString(string(h.digits[len(h.digits)-1:]) + "0"); bad != nil {
				h.err = fmt.Errorf("not bytes in hex: %w", bad)
			}
		default:
			h.err = err
		}
		if !h.begun {
			continue
		}
		whole := min(len(h.digits)/2, len(p)) * 2
		got, bad := hex.Decode(p, h.digits[:whole])
		if n = got; bad != nil {
			h.err = fmt.Errorf("not bytes in hex: %w", bad)
			return n, h.err
		}
		h.digits = h.digits[whole:]
	}
	if n > 0 {
		return n, nil
	}
	return 0, h.err
}

func (h *hexReader) Close() error { return h.in.Close() }

const hexBetween = " \t\r\n:,"

// notFrames says what an input that begins so is, if it is no byte stream, and what to do with it; else it is empty. None
// of these is the beginning of a stream: as a length of a basic frame each is over the default limit.
func notFrames(beginning []byte) string {
	if len(beginning) < 4 {
		return ""
	}
	switch binary.BigEndian.Uint32(beginning) {
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1:
		return "is a pcap capture of packets: give the bytes of one direction of a connection, or record them with pyproctest tap --record"
	case 0x0a0d0d0a:
		return "is a pcapng capture of packets: give the bytes of one direction of a connection, or record them with pyproctest tap --record"
	}
	beginning = beginning[:min(len(beginning), 512)]
	switch {
	case tapLog.Match(beginning):
		return "is a log of pyproctest tap, which has only what was wrong: --record keeps all bytes"
	case strace.Match(beginning):
		return "is output of strace: give the bytes themselves, or record them with pyproctest tap --record"
	case hexDump.Match(beginning):
		return "is a hex dump with offsets: turn it into bytes first, such as with xxd -r"
	case isHexText(beginning):
		return "holds hex digits as text: --hex reads them (--framing takes the text itself for the bytes)"
	}
	return ""
}

var (
	tapLog  = regexp.MustCompile(`^\{"time":"[^"]*","event":"`)
	strace  = regexp.MustCompile(`^(\[pid +\d+\] |\d+ +)?(\d\d:\d\d:\d\d(\.\d+)? |\d+\.\d+ )?[a-z][a-z0-9_]*\([^\n]*`)
	hexDump = regexp.MustCompile(`^[0-9a-fA-F]{7,8}(: | +)[0-9a-fA-F]{2}`)
)

// isHexText reports whether a text has only hex digits and what may stand between them, and enough of them for a header.
func isHexText(beginning []byte) bool {
	digits := 0
	for _, b := range bytes.TrimPrefix(bytes.TrimLeft(beginning, hexBetween), []byte("0x")) {
		switch {
		case strings.IndexByte("0123456789abcdefABCDEF", b) >= 0:
			digits++
		case strings.IndexByte(hexBetween, b) < 0:
			return false
		}
	}
	return digits >= 8
}

// block is what one read returned.
type block struct {
	data []byte
	err  error
}

const blockSize = 64 << 10

// readBlocks reads until an error or the end, which the last block has, or until the context has ended.
func readBlocks(ctx context.Context, in io.Reader) <-chan block {
	blocks := make(chan block)
	go func() {
		for {
			data := make([]byte, blockSize)
			n, err := in.Read(data)
			select {
			case blocks <- block{data[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return blocks
}
