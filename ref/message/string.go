package message

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// str scans a string, eight bytes at a time while they are plain.
func (s *scanner) str(i int) int {
	i++
	begin, seen := i, uint64(0) // the bits of all bytes so far; a high bit means non-ASCII text
	for {
		for ; i+32 <= len(s.b); i += 32 { // the same with fewer steps, for long plain text
			four := s.b[i : i+32]
			w0, w1 := binary.LittleEndian.Uint64(four), binary.LittleEndian.Uint64(four[8:])
			w2, w3 := binary.LittleEndian.Uint64(four[16:]), binary.LittleEndian.Uint64(four[24:])
			if specials(w0)|specials(w1)|specials(w2)|specials(w3) != 0 {
				break
			}
			seen |= w0 | w1 | w2 | w3
		}
		for ; i+8 <= len(s.b); i += 8 {
			word := binary.LittleEndian.Uint64(s.b[i:])
			if stop := specials(word); stop != 0 {
				n := bits.TrailingZeros64(stop) &^ 7
				seen |= word & (1<<n - 1)
				i += n / 8
				break
			}
			seen |= word
		}
		for i < len(s.b) && s.b[i] != '"' && s.b[i] != '\\' && s.b[i] >= ' ' {
			seen |= uint64(s.b[i])
			i++
		}
		switch {
		case i >= len(s.b):
			return s.fail(ErrSyntax, i, "the end of the string")
		case s.b[i] == '"':
			if seen&highBits != 0 && !utf8.Valid(s.b[begin:i]) {
				return s.failUTF8(begin)
			}
			return i + 1
		case s.b[i] == '\\':
			if i = s.escape(i); i == failed {
				return failed
			}
		default:
			return s.fail(ErrSyntax, i, "an escape for the control character")
		}
	}
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// specials marks the bytes of word that are not plain: quotes, backslashes and control characters. The
// lowest mark is exact. Marks above it may be false.
func specials(word uint64) uint64 {
	quote := word ^ lowBits*'"'
	backslash := word ^ lowBits*'\\'
	return ((quote-lowBits)&^quote | (backslash-lowBits)&^backslash | (word-lowBits*' ')&^word) & highBits
}

func (s *scanner) escape(i int) int {
	i++
	if i >= len(s.b) {
		return s.fail(ErrSyntax, i, "an escape")
	}
	switch s.b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			if i++; i >= len(s.b) || !isHex(s.b[i]) {
				return s.fail(ErrSyntax, i, "four hexadecimal digits")
			}
		}
		return i + 1
	}
	return s.fail(ErrSyntax, i, "an escape")
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) failUTF8(i int) int {
	for {
		r, size := utf8.DecodeRune(s.b[i:])
		if r == utf8.RuneError && size <= 1 {
			return s.fail(ErrUTF8, i, "UTF-8")
		}
		i += size
	}
}
