package inspect

import (
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// A call of the tap: its request and its answer.
func BenchmarkConnection(b *testing.B) {
	for _, size := range []struct {
		name string
		body string
	}{{"64B", strings.Repeat("x", 62)}, {"10KB", strings.Repeat("x", 10<<10)}} {
		b.Run(size.name, func(b *testing.B) {
			c, err := NewConnection(Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var total int
			for id := uint64(1); b.Loop(); id++ {
				out := wire.Encode(spec.Enhanced, id, wire.Request(id, "echo", wire.Quote(size.body)))
				back := wire.Encode(spec.Enhanced, id, wire.OKAnswer(id, wire.Quote(size.body)))
				total = len(out) + len(back)
				if len(c.Write(spec.RolePool, out)[0].Violations)+len(c.Write(spec.RoleWorker, back)[0].Violations) > 0 {
					b.Fatal("accused")
				}
			}
			b.SetBytes(int64(total))
		})
	}
}
