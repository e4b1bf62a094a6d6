package conformance

import (
	"strings"
	"testing"
)

// A call of the tap: its request and its answer.
func BenchmarkConnectionInspector(b *testing.B) {
	for _, size := range []struct {
		name string
		body string
	}{{"64B", strings.Repeat("x", 62)}, {"10KB", strings.Repeat("x", 10<<10)}} {
		b.Run(size.name, func(b *testing.B) {
			c, err := NewConnectionInspector(InspectorOptions{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var total int
			for id := uint64(1); b.Loop(); id++ {
				out := encode(Enhanced, id, request(id, "echo", quote(size.body)))
				back := encode(Enhanced, id, okAnswer(id, quote(size.body)))
				total = len(out) + len(back)
				if len(c.Write(RolePool, out)[0].Violations)+len(c.Write(RoleWorker, back)[0].Violations) > 0 {
					b.Fatal("accused")
				}
			}
			b.SetBytes(int64(total))
		})
	}
}
