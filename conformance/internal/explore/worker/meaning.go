package worker

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// kind is what a worker must take a message for.
type kind int

const (
	request      kind = iota // run the method, and answer [MSG-1]
	cancellation             // of an ID; never answered [CAN-6]
	unreadable               // an error answer, and the connection goes on [MSG-11]
	unknownType              // the same [MSG-12]
	ignored                  // a cancellation without a readable ID: nothing [CAN-6]
	violation                // the connection is closed, nothing runs [MSG-13]
	open                     // SPEC.md leaves it open: anything but the end of the process
)

// meaning is a message as SPEC.md reads it.
type meaning struct {
	kind      kind
	ids       []uint64 // that the answer may bear; for a request and a cancellation the one ID
	method    string
	body      string // JSON text; empty for none
	enveloped bool
	// openEnvelope is set if it is open whether the answer stands in an envelope.
	openEnvelope bool
	clause       string // what a worker breaks that takes it for something else
}

var integer = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// visible finds what looks like the ID of a request in any text.
var visible = regexp.MustCompile(`"id"\s*:\s*([0-9]+)`)

// readableID reads an ID [MSG-10].
func readableID(raw json.RawMessage) (uint64, bool) {
	text := strings.TrimSpace(string(raw))
	if !integer.MatchString(text) {
		return 0, false
	}
	id, err := strconv.ParseUint(text, 10, 64)
	return id, err == nil
}

// read says what a message means that came in a frame with that header ID.
func read(framing spec.Framing, header uint64, payload []byte) meaning {
	broken := func(clause string, ids ...uint64) meaning {
		m := meaning{kind: unreadable, clause: clause, ids: append([]uint64{0}, ids...)}
		if framing == spec.Enhanced {
			m.ids = []uint64{header}
			return m
		}
		for _, seen := range visible.FindAllSubmatch(bytes.ReplaceAll(payload, []byte{0}, nil), -1) { // an ID that could be read nevertheless
			if id, err := strconv.ParseUint(string(seen[1]), 10, 64); err == nil {
				m.ids = append(m.ids, id)
			}
		}
		return m
	}
	switch {
	case !utf8.Valid(payload):
		return broken("MSG-11")
	case !json.Valid(payload):
		if bytes.Contains(payload, []byte("NaN")) || bytes.Contains(payload, []byte("Infinity")) {
			return broken("MSG-8")
		}
		return broken("MSG-11")
	case repeatsKeys(payload): // open in a body, and a body may be anywhere
		return meaning{kind: open}
	}
	fields, err := wire.Object(payload)
	if err != nil {
		return broken("MSG-11")
	}
	m := meaning{kind: request}
	var kindOfEnvelope string
	inner, has := fields["payload"]
	if has && wire.IsString(fields["type"]) && json.Unmarshal(fields["type"], &kindOfEnvelope) == nil {
		return readEnvelope(framing, header, kindOfEnvelope, inner, broken)
	}
	m.clause = plainClause(fields)
	return readRequest(framing, header, fields, m, broken)
}

func readEnvelope(framing spec.Framing, header uint64, kindOfEnvelope string, inner json.RawMessage, broken func(string, ...uint64) meaning) meaning {
	fields, err := wire.Object(inner)
	id, readable := readableID(fields["id"])
	differs := readable && framing == spec.Enhanced && id != header
	switch kindOfEnvelope {
	case "request":
		if err != nil {
			m := broken("MSG-11")
			m.openEnvelope = true
			return m
		}
		m := readRequest(framing, header, fields, meaning{kind: request, enveloped: true, clause: "MSG-2"}, broken)
		m.openEnvelope = m.openEnvelope || m.kind == unreadable
		return m
	case "cancellation":
		switch {
		case !readable:
			return meaning{kind: ignored, clause: "CAN-6"}
		case differs:
			return meaning{kind: violation, ids: []uint64{id, header}, clause: "MSG-13"}
		}
		m := meaning{kind: cancellation, ids: []uint64{id}, clause: "CAN-6"}
		if fields["reason"] == nil {
			m.clause = "CAN-9"
		}
		return m
	case "response":
		return meaning{kind: open}
	}
	m := broken("MSG-12")
	m.kind, m.openEnvelope = unknownType, true
	if readable && framing == spec.Basic {
		m.ids = append(m.ids, id)
	}
	if differs {
		m.kind = open // an error answer, or a violation
	}
	return m
}

func readRequest(framing spec.Framing, header uint64, fields map[string]json.RawMessage, m meaning, broken func(string, ...uint64) meaning) meaning {
	id, readable := readableID(fields["id"])
	isMethod := wire.IsString(fields["method"]) && json.Unmarshal(fields["method"], &m.method) == nil
	differs := framing == spec.Enhanced && id != header
	switch {
	case !readable && fields["id"] == nil && inAnotherCase(fields):
		return broken("MSG-4")
	case !readable:
		return broken("MSG-10")
	case !isMethod && differs:
		return meaning{kind: open}
	case !isMethod:
		return broken("MSG-11", id)
	case differs:
		m.kind, m.ids = violation, []uint64{id, header}
		return m
	case id == 0:
		return meaning{kind: open} // run or refused
	}
	m.ids, m.body = []uint64{id}, strings.TrimSpace(string(fields["body"]))
	if depth(m.body) > surelyRead { // it may be refused as what cannot be read [MSG-9], so without its ID and its envelope
		m.openEnvelope = true
		if framing == spec.Basic {
			m.ids = append(m.ids, 0)
		}
	}
	return m
}

// inAnotherCase reports whether a field has a name that is known in another case of letters [MSG-4].
func inAnotherCase(fields map[string]json.RawMessage) bool {
	for name := range fields {
		if lower := strings.ToLower(name); lower != name && (lower == "id" || lower == "method") {
			return true
		}
	}
	return false
}

// plainClause returns the clause that a plain request is special for, if it has more than the usual fields.
func plainClause(fields map[string]json.RawMessage) string {
	_, hasType := fields["type"]
	_, hasPayload := fields["payload"]
	known := 0
	for _, name := range []string{"id", "method", "body"} {
		if _, has := fields[name]; has {
			known++
		}
	}
	switch {
	case hasType || hasPayload:
		return "MSG-3"
	case len(fields) > known:
		return "MSG-4"
	case fields["body"] == nil:
		return "MSG-6"
	}
	return ""
}

// repeatsKeys reports whether an object in the text has a key twice.
func repeatsKeys(text []byte) bool {
	type level struct {
		keys  map[string]bool // nil in an array
		isKey bool
	}
	var levels []*level
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if err != nil {
			return err != io.EOF && false
		}
		var top *level
		if len(levels) > 0 {
			top = levels[len(levels)-1]
		}
		if key, ok := token.(string); ok && top != nil && top.keys != nil && top.isKey {
			if top.keys[key] {
				return true
			}
			top.keys[key], top.isKey = true, false
			continue
		}
		if top != nil {
			top.isKey = true // behind a value comes a key
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, &level{keys: map[string]bool{}, isKey: true})
		case json.Delim('['):
			levels = append(levels, &level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
	}
}

// surelyRead is how deep a body may be nested so that the message has 100 levels at most, which a worker must read [MSG-9].
const surelyRead = 98

// depth returns how deep the text is nested.
func depth(text string) (deepest int) {
	levels, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			levels++
			deepest = max(deepest, levels)
		case c == ']' || c == '}':
			levels--
		}
	}
	return deepest
}

// valid reports whether the text is JSON that the model has an opinion of.
func valid(text string) bool { return json.Valid([]byte(text)) && !repeatsKeys([]byte(text)) }

var exponent = regexp.MustCompile(`[0-9][eE]\+?[0-9]{3,}`)

// beyondDoubles reports whether the text may have numbers beyond a double, which are open.
func beyondDoubles(text string) bool { return exponent.MatchString(text) }
