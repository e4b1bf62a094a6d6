package message

import (
	"bytes"
	"fmt"
)

// MaxDepth is the largest number of objects and arrays in each other [MSG-9]. It is the limit of
// encoding/json too, so no body is refused that a Go program could decode.
const MaxDepth = 10000

// scanner checks JSON. Its methods take the index where something begins and return the index after
// it, or failed. Then err is the reason.
type scanner struct {
	b   []byte
	err *MessageError
}

const failed = -1

// whole returns an error unless only space follows the value that ends before i.
func (s *scanner) whole(i int) error {
	if i == failed {
		return s.err
	}
	if i = s.space(i); i < len(s.b) {
		s.fail(ErrSyntax, i, "the end")
		return s.err
	}
	return nil
}

func (s *scanner) fail(kind Kind, i int, want string) int {
	found := "the end"
	if i < len(s.b) {
		found = fmt.Sprintf("%q", s.b[i:i+1])
	}
	s.err = &MessageError{Kind: kind, Offset: i, Found: found, Want: want}
	return failed
}

func (s *scanner) space(i int) int {
	for i < len(s.b) && s.b[i] <= ' ' && (s.b[i] == ' ' || s.b[i] == '\n' || s.b[i] == '\t' || s.b[i] == '\r') {
		i++
	}
	return i
}

// value scans a value that is inside of depth objects and arrays.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.b) {
		return s.fail(ErrSyntax, i, "a value")
	}
	switch c := s.b[i]; {
	case c == '"':
		return s.str(i)
	case c == '{':
		return s.object(i, depth, nil, nil)
	case c == '[':
		return s.array(i, depth)
	case c == '-' || '0' <= c && c <= '9':
		return s.number(i)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	}
	return s.fail(ErrSyntax, i, "a value")
}

func (s *scanner) literal(i int, word string) int {
	if bytes.HasPrefix(s.b[i:], []byte(word)) {
		return i + len(word)
	}
	return s.fail(ErrSyntax, i, word)
}

func (s *scanner) array(i, depth int) int {
	if depth == MaxDepth {
		return s.fail(ErrDepth, i, fmt.Sprintf("at most %d levels", MaxDepth))
	}
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth+1); i == failed {
			return failed
		}
		i = s.space(i)
		switch {
		case i < len(s.b) && s.b[i] == ',':
			i = s.space(i + 1)
		case i < len(s.b) && s.b[i] == ']':
			return i + 1
		default:
			return s.fail(ErrSyntax, i, `"," or "]"`)
		}
	}
}

// object scans an object. It stores the positions of its fields in top, unless that is nil, and in
// inner those of the object that is its "payload".
func (s *scanner) object(i, depth int, top, inner *fields) int {
	if depth == MaxDepth {
		return s.fail(ErrDepth, i, fmt.Sprintf("at most %d levels", MaxDepth))
	}
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(s.b) || s.b[i] != '"' {
			return s.fail(ErrSyntax, i, "a key")
		}
		begin := i
		if i = s.str(i); i == failed {
			return failed
		}
		key := keyUnknown
		if top != nil {
			key = s.key(begin, i)
		}
		i = s.space(i)
		if i >= len(s.b) || s.b[i] != ':' {
			return s.fail(ErrSyntax, i, `":"`)
		}
		i = s.space(i + 1)
		begin = i
		if key == keyPayload && inner != nil && i < len(s.b) && s.b[i] == '{' {
			*inner = fields{}
			i = s.object(i, depth+1, inner, nil)
		} else {
			i = s.value(i, depth+1)
		}
		if i == failed {
			return failed
		}
		if top != nil {
			top[key] = span{begin, i}
		}
		i = s.space(i)
		switch {
		case i < len(s.b) && s.b[i] == ',':
			i = s.space(i + 1)
		case i < len(s.b) && s.b[i] == '}':
			return i + 1
		default:
			return s.fail(ErrSyntax, i, `"," or "}"`)
		}
	}
}

func (s *scanner) key(begin, end int) int {
	name := s.b[begin+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(unquote(s.b[begin:end]))
	}
	return keyOf(name)
}

func (s *scanner) number(i int) int {
	if s.b[i] == '-' {
		i++
	}
	switch {
	case i < len(s.b) && s.b[i] == '0':
		i++
	default:
		if i = s.digits(i); i == failed {
			return failed
		}
	}
	if i < len(s.b) && s.b[i] == '.' {
		if i = s.digits(i + 1); i == failed {
			return failed
		}
	}
	if i < len(s.b) && (s.b[i] == 'e' || s.b[i] == 'E') {
		i++
		if i < len(s.b) && (s.b[i] == '+' || s.b[i] == '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits scans one or more digits.
func (s *scanner) digits(i int) int {
	begin := i
	for i < len(s.b) && '0' <= s.b[i] && s.b[i] <= '9' {
		i++
	}
	if i == begin {
		return s.fail(ErrSyntax, i, "a digit")
	}
	return i
}
