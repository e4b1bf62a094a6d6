package message_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/stretchr/testify/require"
)

func okWith(id uint64, body string) message.Response {
	return message.Response{ID: id, OK: true, Body: json.RawMessage(body)}
}

func failedWith(id uint64, text string) message.Response {
	return message.Response{ID: id, Error: text}
}

func TestResponsesThatAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		want    message.Response
	}{
		"as workers write it":              {`{"id":1,"ok":true,"body":"hi"}`, okWith(1, `"hi"`)},
		"as json.dumps writes it":          {`{"id": 1, "ok": true, "body": {"a": [1, 2]}}`, okWith(1, `{"a": [1, 2]}`)},
		"space wherever it may be":         {" \t\r\n{ \"id\" : 1 , \"ok\" : true , \"body\" : 0 } \n", okWith(1, `0`)},
		"keys in any order":                {`{"body":false,"ok":true,"id":1}`, okWith(1, `false`)},
		"an envelope [MSG-15]":             {`{"type":"response","payload":{"id":1,"ok":true,"body":[]}}`, okWith(1, `[]`)},
		"an envelope, payload first":       {`{"payload":{"body":2,"ok":true,"id":1},"type":"response"}`, okWith(1, `2`)},
		"an envelope with fields outside":  {`{"id":9,"ok":false,"type":"response","payload":{"id":1,"ok":true,"body":2}}`, okWith(1, `2`)},
		"unknown fields [MSG-4]":           {`{"x":{"id":5},"id":1,"y":[true],"ok":true,"body":2,"error":"no"}`, okWith(1, `2`)},
		"an unknown type [MSG-3]":          {`{"type":"request","id":1,"ok":true,"body":2}`, okWith(1, `2`)},
		"a type that is no string [MSG-3]": {`{"type":7,"payload":{"id":2},"id":1,"ok":true,"body":2}`, okWith(1, `2`)},
		"a payload alone [MSG-3]":          {`{"payload":{"id":2},"id":1,"ok":true,"body":2}`, okWith(1, `2`)},
		"keys and type with escapes":       {`{"\u0074ype":"respons\u0065","payloa\u0064":{"\u0069d":1,"ok":true,"body":2}}`, okWith(1, `2`)},
		"no body [MSG-15]":                 {`{"id":1,"ok":true}`, okWith(1, `null`)},
		"no body in an envelope":           {`{"type":"response","payload":{"ok":true,"id":1}}`, okWith(1, `null`)},
		"the greatest ID [MSG-5]":          {`{"id":18446744073709551615,"ok":true,"body":2}`, okWith(math.MaxUint64, `2`)},
		"an ID that is no double [MSG-5]":  {`{"id":9007199254740993,"ok":true,"body":2}`, okWith(1<<53+1, `2`)},
		"an error [MSG-16]":                {`{"id":1,"ok":false,"error":"went wrong"}`, failedWith(1, "went wrong")},
		"an error with escapes":            {`{"id":1,"ok":false,"error":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00"}`, failedWith(1, "\"\\/\b\f\n\r\tä😀")},
		"an empty error":                   {`{"id":1,"ok":false,"error":"","body":3}`, failedWith(1, "")},
		"numbers of all forms":             {`{"id":1,"ok":true,"body":[0,-0,1.5,-2e9,3E+4,0.5e-6]}`, okWith(1, `[0,-0,1.5,-2e9,3E+4,0.5e-6]`)},
		"a key twice: the last counts":     {`{"id":2,"ok":false,"id":1,"ok":true,"body":3,"body":2}`, okWith(1, `2`)},
		"100 levels [MSG-9]":               {`{"id":1,"ok":true,"body":` + nested(100) + `}`, okWith(1, nested(100))},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := message.ParseResponse([]byte(c.payload))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

func TestResponsesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		kind    message.Kind
		offset  int
	}{
		"nothing":                       {``, message.ErrSyntax, 0},
		"space":                         {`  `, message.ErrSyntax, 2},
		"cut off":                       {`{"id":1,"ok":true,"body":"h`, message.ErrSyntax, 27},
		"something after it":            {`{"id":1,"ok":true,"body":2}{}`, message.ErrSyntax, 27},
		"something after the body":      {`{"id":1,"ok":true,"body":2 3}`, message.ErrSyntax, 27},
		"a comma too many":              {`{"id":1,"ok":true,}`, message.ErrSyntax, 18},
		"a comma too many in an array":  {`{"id":1,"ok":true,"body":[1,]}`, message.ErrSyntax, 28},
		"NaN [MSG-8]":                   {`{"id":1,"ok":true,"body":NaN}`, message.ErrSyntax, 25},
		"Infinity [MSG-8]":              {`{"id":1,"ok":true,"body":-Infinity}`, message.ErrSyntax, 26},
		"a leading zero":                {`{"id":01,"ok":true,"body":2}`, message.ErrSyntax, 7},
		"a number without digits":       {`{"id":1,"ok":true,"body":1.}`, message.ErrSyntax, 27},
		"another bracket at the end":    {`{"id":1,"ok":true,"body":2]`, message.ErrSyntax, 26},
		"an escape without hexadecimal": {`{"id":1,"ok":true,"body":"\u00G0"}`, message.ErrSyntax, 30},
		"a word cut off":                {`{"id":1,"ok":tru`, message.ErrSyntax, 13},
		"an escape there is not":        {`{"id":1,"ok":true,"body":"\x"}`, message.ErrSyntax, 27},
		"an escape cut off":             {`{"id":1,"ok":true,"body":"\u00e"}`, message.ErrSyntax, 31},
		"a control character":           {"{\"id\":1,\"ok\":true,\"body\":\"abcdefghijk\n\"}", message.ErrSyntax, 37},
		"malformed UTF-8":               {"{\"id\":1,\"ok\":true,\"body\":\"abc\xff\"}", message.ErrUTF8, 29},
		"malformed UTF-8 in a key":      {"{\"\xc3\":0,\"id\":1,\"ok\":true}", message.ErrUTF8, 2},
		"a surrogate in UTF-8":          {"{\"id\":1,\"ok\":true,\"body\":\"\xed\xa0\x80\"}", message.ErrUTF8, 26},
		"a byte order mark":             {"\ufeff{\"id\":1,\"ok\":true}", message.ErrSyntax, 0},
		"no object":                     {` [1]`, message.ErrShape, 1},
		"a word":                        {`null`, message.ErrShape, 0},
		"no ID":                         {`{"ok":true,"body":2}`, message.ErrID, 0},
		"an ID in a string":             {`{"id":"1","ok":true,"body":2}`, message.ErrID, 6},
		"an ID with a fraction":         {`{"id":1.0,"ok":true,"body":2}`, message.ErrID, 6},
		"an ID with an exponent":        {`{"id":1e0,"ok":true,"body":2}`, message.ErrID, 6},
		"a negative ID":                 {`{"id":-1,"ok":true,"body":2}`, message.ErrID, 6},
		"an ID of 2^64":                 {`{"id":18446744073709551616,"ok":true}`, message.ErrID, 6},
		"a longer ID":                   {`{"id":100000000000000000000,"ok":true}`, message.ErrID, 6},
		"the ID outside its envelope":   {`{"id":1,"type":"response","payload":{"ok":true}}`, message.ErrID, 0},
		"no ok":                         {`{"id":1,"body":2}`, message.ErrShape, 0},
		"ok that is 1":                  {`{"id":1,"ok":1,"body":2}`, message.ErrShape, 13},
		"no error":                      {`{"id":1,"ok":false}`, message.ErrShape, 0},
		"an error that is no string":    {`{"id":1,"ok":false,"error":{}}`, message.ErrShape, 27},
		"an envelope with two payloads": {`{"type":"response","payload":{"id":1,"ok":true},"payload":{"ok":true}}`, message.ErrID, 0},
		"an envelope of a request":      {`{"type":"request","payload":{"id":1,"ok":true}}`, message.ErrType, 8},
		"an envelope without an object": {`{"type":"response","payload":[1]}`, message.ErrShape, 29},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := message.ParseResponse([]byte(c.payload))
			var e *message.MessageError
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, c.kind, "%v", err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.offset, e.Offset, "%v", err)
			require.Zero(t, got)
		})
	}
}

func TestNestingCountsFromTheOutermostObject(t *testing.T) {
	for _, c := range []struct {
		outside    int
		head, tail string
	}{
		{1, `{"id":1,"ok":true,"body":`, `}`},
		{1, `{"ok":true,"id":1,"body":`, `}`},
		{2, `{"type":"response","payload":{"id":1,"ok":true,"body":`, `}}`},
	} {
		_, err := message.ParseResponse([]byte(c.head + nested(message.MaxDepth-c.outside) + c.tail))
		require.NoError(t, err)
		_, err = message.ParseResponse([]byte(c.head + nested(message.MaxDepth-c.outside+1) + c.tail))
		require.ErrorIs(t, err, message.ErrDepth)
	}
}

func TestBodyIsOneValueOrEmpty(t *testing.T) {
	require.NoError(t, message.Check(nil))
	require.NoError(t, message.Check(json.RawMessage(" [1, 2]\n")))
	require.ErrorIs(t, message.Check(json.RawMessage(" ")), message.ErrSyntax)
	require.ErrorIs(t, message.Check(json.RawMessage(`1,"method":"other"`)), message.ErrSyntax)
	require.ErrorIs(t, message.Check(json.RawMessage("\"\xff\"")), message.ErrUTF8)
}

func TestNestingIsBoundedNotTheStack(t *testing.T) {
	for _, c := range []struct{ open, shut string }{{"[", "]"}, {`{"a":`, "}"}} {
		deep := func(levels int) json.RawMessage {
			return json.RawMessage(strings.Repeat(c.open, levels) + "0" + strings.Repeat(c.shut, levels))
		}
		require.True(t, json.Valid(deep(message.MaxDepth)) && !json.Valid(deep(message.MaxDepth+1)), "as deep as encoding/json goes")
		require.NoError(t, message.Check(deep(message.MaxDepth)))
		require.ErrorIs(t, message.Check(deep(message.MaxDepth+1)), message.ErrDepth)
		require.ErrorIs(t, message.Check(json.RawMessage(strings.Repeat(c.open, 10<<20))), message.ErrDepth)
	}
}

func TestBodyIsAPartOfThePayload(t *testing.T) {
	for _, payload := range []string{
		`{"id":1,"ok":true,"body":"hi"}`,
		`{"id": 1, "ok": true, "body": "hi", "more": 0}`,
	} {
		p := []byte(payload)
		r, err := message.ParseResponse(p)
		require.NoError(t, err)
		require.Same(t, &p[strings.Index(payload, `"hi"`)], &r.Body[0])
		_ = append(r.Body, '!')
		require.Equal(t, payload, string(p), "an append to the body leaves the payload alone")
	}
}

func TestParsingDoesNotAllocate(t *testing.T) {
	for _, payload := range []string{
		`{"id":1,"ok":true,"body":"hi"}`,
		`{"id": 1, "ok": true, "body": {"a": [1, 2.5, null, "größer \n"]}}`,
		`{"type":"response","payload":{"id":1,"ok":true,"body":2}}`,
	} {
		p := []byte(payload)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = message.ParseResponse(p) }), payload)
	}
}

func TestRequestsAreRead(t *testing.T) {
	for payload, want := range map[string]message.Request{
		`{"id":1,"method":"echo","body":"hi"}`:                               {ID: 1, Method: "echo", Body: json.RawMessage(`"hi"`)},
		`{"method":"\u0065cho","id":1}`:                                      {ID: 1, Method: "echo", Body: json.RawMessage(`null`)},
		`{"type":"request","payload":{"id":1,"method":"echo","body":false}}`: {ID: 1, Method: "echo", Body: json.RawMessage(`false`), Enveloped: true},
		`{"type":"cancellation","id":1,"method":"echo","body":0}`:            {ID: 1, Method: "echo", Body: json.RawMessage(`0`)},
	} {
		got, err := message.ParseRequest([]byte(payload))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// A message that cannot be read as a request gets an answer nevertheless, under its ID if that could be read [MSG-11].
func TestRefusedRequestsTellTheIDToAnswerUnder(t *testing.T) {
	for payload, want := range map[string]message.MessageError{
		`{"id":7,"method":5}`:                              {Kind: message.ErrShape, ID: 7},
		`{"id":7}`:                                         {Kind: message.ErrShape, ID: 7},
		`{"type":"greeting","payload":{"id":7}}`:           {Kind: message.ErrType, ID: 7},
		`{"type":"greeting","payload":7}`:                  {Kind: message.ErrType},
		`{"type":"request","payload":{"method":"m"}}`:      {Kind: message.ErrID},
		`{"type":"request","payload":null,"id":7}`:         {Kind: message.ErrShape},
		`{"id":7,"method":"echo","body":}`:                 {Kind: message.ErrSyntax},
		`{"type":"cancellation","payload":{"id":7}}`:       {Kind: message.ErrType, ID: 7},
		`{"id":7.0,"method":"echo","body":null,"extra":1}`: {Kind: message.ErrID},
	} {
		_, err := message.ParseRequest([]byte(payload))
		var e *message.MessageError
		require.ErrorAs(t, err, &e, payload)
		require.Equal(t, want, message.MessageError{Kind: e.Kind, ID: e.ID}, payload)
	}
}

func TestCancellationsAreRead(t *testing.T) {
	for payload, want := range map[string]message.Cancellation{
		`{"type":"cancellation","payload":{"id":7,"reason":"late"}}`: {ID: 7, Reason: "late"},
		`{"payload":{"id":7},"type":"cancellation"}`:                 {ID: 7}, // [CAN-9]
	} {
		got, err := message.ParseCancellation([]byte(payload))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for payload, kind := range map[string]message.Kind{
		`{"id":7,"reason":"late"}`:                              message.ErrType, // no envelope
		`{"type":"request","payload":{"id":7}}`:                 message.ErrType,
		`{"type":"cancellation","payload":{"reason":"late"}}`:   message.ErrID,
		`{"type":"cancellation","payload":{"id":7,"reason":1}}`: message.ErrShape,
		`{"type":"cancellation","payload":"7"}`:                 message.ErrShape,
	} {
		_, err := message.ParseCancellation([]byte(payload))
		require.ErrorIs(t, err, kind, payload)
	}
}

func TestErrorSaysWhatWasFoundAndWanted(t *testing.T) {
	_, err := message.ParseResponse([]byte(`{"id":1,"ok":true,"body":NaN}`))
	require.EqualError(t, err, `message: malformed JSON at byte 25: found "N", want a value`)
	_, err = message.ParseResponse([]byte(`{"id":"` + strings.Repeat("1", 100) + `"}`))
	require.EqualError(t, err, `message: no readable id at byte 6: found "`+strings.Repeat("1", 39)+`…, want an integer from 0 to 2^64-1 as "id"`)
}
