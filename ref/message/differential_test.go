package message_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/pyproctest/pyproctest/ref/message"
)

// The scanner accepts what encoding/json accepts, with one difference: it refuses malformed UTF-8.

func TestCheckAcceptsWhatEncodingJSONAcceptsInUTF8(t *testing.T) {
	holds(t, prop.ForAll(func(seed uint64) string {
		doc := writer{rand.New(rand.NewPCG(seed, 1))}.document()
		return checkAgrees(doc)
	}, gen.UInt64()))
}

func FuzzCheckAgreesWithEncodingJSON(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(writer{rand.New(rand.NewPCG(seed, 1))}.document())
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if difference := checkAgrees(doc); difference != "" {
			t.Fatal(difference)
		}
	})
}

func checkAgrees(doc []byte) string {
	if len(doc) == 0 {
		return ""
	}
	want := json.Valid(doc) && utf8.Valid(doc)
	if err := message.Check(doc); (err == nil) != want {
		return fmt.Sprintf("%q: Check says %v, encoding/json says valid: %t", doc, err, want)
	}
	return ""
}

func TestResponsesAreReadAsEncodingJSONWould(t *testing.T) {
	holds(t, prop.ForAll(func(seed uint64) string {
		doc := writer{rand.New(rand.NewPCG(seed, 2))}.response()
		return responseAgrees(doc)
	}, gen.UInt64()))
}

func FuzzResponsesAreReadAsEncodingJSONWould(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(writer{rand.New(rand.NewPCG(seed, 2))}.response())
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if difference := responseAgrees(doc); difference != "" {
			t.Fatal(difference)
		}
	})
}

func responseAgrees(doc []byte) string {
	want, readable := slowResponse(doc)
	got, err := message.ParseResponse(doc)
	if (err == nil) != readable || !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("%q: ParseResponse gives %+v, %v; encoding/json gives %+v, readable: %t", doc, got, err, want, readable)
	}
	return ""
}

// slowResponse is ParseResponse written with encoding/json.
func slowResponse(doc []byte) (r message.Response, readable bool) {
	var fields map[string]json.RawMessage
	if !utf8.Valid(doc) || json.Unmarshal(doc, &fields) != nil || fields == nil {
		return r, false
	}
	var typ *string
	if json.Unmarshal(fields["type"], &typ) == nil && typ != nil && fields["payload"] != nil {
		inner := fields["payload"]
		fields = nil
		if *typ != "response" || json.Unmarshal(inner, &fields) != nil || fields == nil {
			return r, false
		}
	}
	id, err := strconv.ParseUint(string(fields["id"]), 10, 64)
	if err != nil {
		return r, false
	}
	switch string(fields["ok"]) {
	case "true":
		body := fields["body"]
		if body == nil {
			body = json.RawMessage("null")
		}
		return message.Response{ID: id, OK: true, Body: body}, true
	case "false":
		var text *string
		if json.Unmarshal(fields["error"], &text) != nil || text == nil {
			return r, false
		}
		return message.Response{ID: id, Error: *text}, true
	}
	return r, false
}

// writer writes JSON in all forms, and text that is almost JSON.
type writer struct{ *rand.Rand }

// document writes a JSON value, and in half of the cases changes some bytes.
func (w writer) document() []byte {
	doc := []byte(w.space() + w.value(4) + w.space())
	return w.damage(doc)
}

// response writes something like a response.
func (w writer) response() []byte {
	inner := w.object(
		w.member("id", w.id()),
		w.member("ok", w.one("true", "true", "true", "false", "false", "null", "1")),
		w.member("body", w.value(2)),
		w.member("error", w.one(w.text(), w.text(), w.text(), "null", "7")),
	)
	if w.IntN(3) == 0 {
		inner = w.object(
			w.member("type", w.one(`"response"`, `"response"`, `"respons\u0065"`, `"request"`, "1")),
			w.member("payload", w.one(inner, inner, inner, inner, "null", "[]")),
		)
	}
	if w.IntN(2) == 0 {
		return []byte(inner)
	}
	return w.damage([]byte(inner))
}

func (w writer) damage(doc []byte) []byte {
	if w.IntN(2) == 0 {
		return doc
	}
	for range 1 + w.IntN(2) {
		at := w.IntN(len(doc) + 1)
		piece := w.one(`"`, `\`, "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "t", "n", " ", "\n", "\x00", "\x1f", "\x7f", "\xff", "\xc3", "\xe2\x82", `\u`, `\ud800`)
		switch end := min(len(doc), at+w.IntN(3)); w.IntN(3) {
		case 0: // put in
			doc = bytes.Join([][]byte{doc[:at], doc[at:]}, []byte(piece))
		case 1: // put in place of
			doc = bytes.Join([][]byte{doc[:at], doc[end:]}, []byte(piece))
		case 2: // take out
			doc = bytes.Join([][]byte{doc[:at], doc[end:]}, nil)
		}
	}
	return doc
}

func (w writer) one(of ...string) string { return of[w.IntN(len(of))] }

func (w writer) space() string { return w.one("", "", "", " ", "\n\t", "\r ") }

func (w writer) id() string {
	return w.one("0", "1", "-0", "18446744073709551615", "18446744073709551616", "9007199254740993", "1.0", "1e1", `"1"`,
		strconv.FormatUint(w.Uint64(), 10), strconv.FormatUint(w.Uint64(), 10), strconv.FormatUint(w.Uint64()>>w.IntN(64), 10))
}

// member writes a field of an object, sometimes with an escape in its key, or omits it.
func (w writer) member(key, value string) string {
	switch w.IntN(12) {
	case 0:
		return ""
	case 1:
		key = fmt.Sprintf(`\u%04x%s`, key[0], key[1:])
	case 2:
		key = strings.ToUpper(key)
	}
	return w.space() + `"` + key + `"` + w.space() + ":" + w.space() + value + w.space()
}

// object writes members in any order, sometimes one twice, or an unknown one between them.
func (w writer) object(members ...string) string {
	var all []string
	for _, m := range members {
		all = append(all, m)
		if w.IntN(10) == 0 {
			all = append(all, m)
		}
		if w.IntN(10) == 0 {
			all = append(all, w.member("unknown", w.value(2)))
		}
	}
	all = slices.DeleteFunc(all, func(m string) bool { return m == "" })
	if w.IntN(2) == 0 {
		w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return "{" + w.space() + strings.Join(all, ",") + "}"
}

func (w writer) value(depth int) string {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch w.IntN(kinds) {
	case 0:
		return w.one("true", "false", "null")
	case 1, 2:
		return w.one("0", "-0", "1", "-12", "1.5", "0.25", "1e9", "-1E+05", "2.5e-300", "123456789012345678901234567890")
	case 3, 4, 5:
		return w.text()
	case 6:
		var members []string
		for range w.IntN(4) {
			members = append(members, w.space()+w.text()+w.space()+":"+w.space()+w.value(depth-1))
		}
		return "{" + strings.Join(members, ",") + w.space() + "}"
	default:
		var elements []string
		for range w.IntN(4) {
			elements = append(elements, w.space()+w.value(depth-1)+w.space())
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
}

// text writes a JSON string, shorter or longer than the eight bytes that the scanner takes at once.
func (w writer) text() string {
	var b strings.Builder
	b.WriteByte('"')
	for range w.IntN(24) {
		b.WriteString(w.one("a", "b", " ", "7", "ä", "€", "😀", "\x7f", `\n`, `\"`, `\\`, `\/`, `\u0041`, `\ud83d\ude00`, `\udc00`, "longer than a word"))
	}
	b.WriteByte('"')
	return b.String()
}
