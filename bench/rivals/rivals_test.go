package rivals

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/bench/floor"
	"github.com/pyproctest/pyproctest/bench/turns"
)

const callTurn = 5 * time.Millisecond

// BenchmarkCalls has rows like those of the package bench, against the same floor.
func BenchmarkCalls(b *testing.B) {
	for _, r := range rivals {
		b.Run("side="+r.name+"/framing=own/workers=1", func(b *testing.B) { benchmarkRival(b, r) })
	}
}

// benchmarkRival starts the processes once a row is run that the pattern of -bench chooses, and keeps
// them for the next.
func benchmarkRival(b *testing.B, r rival) {
	var f *field
	var loop *floor.Loop
	for _, size := range []struct {
		name  string
		bytes int
	}{{"64B", 64}, {"1KB", 1 << 10}, {"10KB", 10 << 10}, {"1MB", 1 << 20}} {
		b.Run("size="+size.name, func(inSize *testing.B) {
			for _, callers := range []int{1, 4, 16, 64} {
				inSize.Run(fmt.Sprintf("callers=%d", callers), func(row *testing.B) {
					var err error
					if loop == nil {
						if loop, err = floor.StartLoop(); err != nil {
							row.Fatal(err)
						}
						b.Cleanup(loop.Close)
					}
					if f == nil {
						if f, err = r.start(); err != nil {
							row.Fatal(err)
						}
						b.Cleanup(f.close)
					}
					text := strings.Repeat("x", size.bytes-2) // as JSON it has quotes
					call, err := f.caller(callers, text)
					if err != nil {
						row.Fatal(err)
					}
					turns.Measure(row,
						turns.Options{Turn: callTurn, Ratio: "x-floor", Bytes: size.bytes, Callers: callers},
						loop.Side(callers, []byte(`"`+text+`"`)),
						turns.Side{
							Run:       turns.Callers(callers, call),
							Processes: func() []int { return []int{f.peer.PID()} },
						})
				})
			}
		})
	}
}

// TestRivals: each rival answers, before it is measured.
func TestRivals(t *testing.T) {
	for _, r := range rivals {
		t.Run(r.name, func(t *testing.T) {
			f, err := r.start()
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			call, err := f.caller(1, "größer")
			if err != nil {
				t.Fatal(err)
			}
			if err := call(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
