package message_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/ref/message"
)

var bodies = []struct {
	name string
	body json.RawMessage
}{
	{"64B", json.RawMessage(`"` + strings.Repeat("x", 62) + `"`)},
	{"1KB", json.RawMessage(`"` + strings.Repeat("x", 1022) + `"`)},
	{"1MB", json.RawMessage(`"` + strings.Repeat("x", 1<<20-2) + `"`)},
	{"1MB-umlauts", json.RawMessage(`"` + strings.Repeat("größer ", 1<<17) + `"`)},
	{"1MB-escapes", json.RawMessage(`"` + strings.Repeat(`line\n `, 1<<17) + `"`)},
	{"1MB-records", json.RawMessage("[" + strings.Repeat(`{"name":"a name","size":123456,"ratio":-1.5e3,"tags":["a",null,true]},`, 15000) + "0]")},
}

func report(b *testing.B, bytes int) {
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
}

// BenchmarkAppendRequest measures the copy of the body too, which is its floor.
func BenchmarkAppendRequest(b *testing.B) {
	for _, c := range bodies[:3] {
		b.Run(c.name+"/floor", func(b *testing.B) {
			dst := make([]byte, len(c.body))
			report(b, len(c.body))
			for b.Loop() {
				copy(dst, c.body)
			}
		})
		b.Run(c.name+"/append", func(b *testing.B) {
			dst := message.AppendRequest(nil, 1, "echo", c.body)
			report(b, len(c.body))
			for b.Loop() {
				dst = message.AppendRequest(dst[:0], 1, "echo", c.body)
			}
		})
	}
}

func BenchmarkParseResponse(b *testing.B) {
	for _, c := range bodies {
		for _, shape := range []struct{ name, head, tail string }{
			{"canonical", `{"id":123456,"ok":true,"body":`, `}`},
			{"spaced", `{"id": 123456, "ok": true, "body": `, `}`},
			{"enveloped", `{"type":"response","payload":{"id":123456,"ok":true,"body":`, `}}`},
		} {
			payload := []byte(shape.head + string(c.body) + shape.tail)
			b.Run(c.name+"/"+shape.name, func(b *testing.B) {
				report(b, len(payload))
				for b.Loop() {
					if _, err := message.ParseResponse(payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		payload := message.AppendResponse(nil, 123456, c.body)
		b.Run(c.name+"/encoding-json", func(b *testing.B) {
			report(b, len(payload))
			for b.Loop() {
				var response struct {
					ID   uint64
					OK   bool
					Body json.RawMessage
				}
				if err := json.Unmarshal(payload, &response); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
