// Package bench measures a framer, a worker or a pool of yours as this repository measures its own: the same rows, the same
// floors, the same units.
//
//	func BenchmarkFramer(b *testing.B) { bench.Framer(b, open) }
//	func BenchmarkWorker(b *testing.B) { bench.Worker(b, conformance.Command("node", "worker.mjs")) }
//	func BenchmarkPool(b *testing.B)   { bench.Pool(b, openPool) }
//
// The open functions are those of conformance.TestFramer and conformance.TestPool, so that a framer or a pool is adapted
// once. The rows are sub-benchmarks, which -bench chooses from, and
//
//	go test -run '^$' -bench . -count 10 > new.txt
//	benchstat old.txt new.txt
//
// makes a table of them.
//
// Times belong to a machine and an hour; what can be compared is the ratio x-floor. Each row and its floor take turns of a
// few milliseconds in one process, so that whatever else the machine does falls on both. The floor of a frame is one copy of
// the payload and its CRC32C by the processor; that of a call is a framed JSON loop, written by hand, with a Python process
// at its other end; that of a start is as many bare Python processes. Rows with placement=pinned keep this process and those
// that it starts on one core, which only Linux can.
//
// Calls need python3, or the interpreter that PYPROCTEST_PYTHON names. Where that has no google_crc32c, the loop has its
// checksums from zlib, in C as well, and a line "floor-checksum: zlib" before the rows keeps benchstat from comparing them
// with others. The bundled worker, with which a pool is measured, then computes its checksums in Python, so install
// google-crc32c before you measure a pool.
//
// Nothing here says whether an implementation is right, and leaving checks out is fast. Run the conformance suite first. The
// command "pyproctest bench" does that by itself; it also measures what is written in other languages, and makes a page of
// what it finds.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pyproctest/pyproctest/bench/floor"
	"github.com/pyproctest/pyproctest/bench/load"
	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/conformance"
)

// Framer measures a framer: WriteFrame to a stream that takes everything (op=write), and ReadFrame from one that never ends
// (op=decode), in the framings given, or in both if none is.
func Framer(b *testing.B, open rows.OpenFramer, framings ...conformance.Framing) {
	b.Helper()
	run(b, rows.Framer("yours", open, framings, rows.Normal))
}

// Load says at which rates calls come beside those that come as fast as they go.
type Load struct {
	// Rates are calls a second, or percent of what a closed loop of 16 callers reaches: "2000,50%". The default is
	// [load.DefaultRates].
	Rates string
	// Mix is what is called, with weights: sizes of echo, and slow handlers. The default is "64B", another one
	// "64B:90,10KB:9,sleep=5ms:1".
	Mix string
}

// Worker measures a worker under the reference pool: calls of echo of several sizes from 1 to 64 callers, the start of
// four workers, their memory, the time until a killed one is back, and calls at a rate, each for as long as -benchtime says.
// The worker needs the methods echo and health.
func Worker(b *testing.B, command conformance.WorkerCommand, loads ...Load) {
	b.Helper()
	sayChecksum(b)
	run(b, append(rows.Worker("yours", command, rows.Normal), atRates(b, rows.StartWorkers(command), loads)...))
}

// Pool measures a pool with the bundled Python worker: calls of echo of several sizes from 1 to 64 callers, the start of
// four workers, their memory, the time until a killed one is back, and calls at a rate, each for as long as -benchtime says.
// It is opened with 16 requests in flight a worker, and 1, 2 and 4 workers. A pool that does not restart its workers has no
// figure for that.
func Pool(b *testing.B, open rows.OpenPool, loads ...Load) {
	b.Helper()
	sayChecksum(b)
	run(b, append(rows.Pool("yours", open, rows.Normal), atRates(b, rows.StartPool(open), loads)...))
}

// atRates returns the rows of calls at the rates of each load, or of the default one if there is none.
func atRates(b *testing.B, start rows.Starter, loads []Load) (all []rows.Row) {
	b.Helper()
	if len(loads) == 0 {
		loads = []Load{{}}
	}
	for _, l := range loads {
		plan, err := load.ParsePlan(cmp.Or(l.Rates, load.DefaultRates), cmp.Or(l.Mix, load.DefaultKinds))
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, load.Rows("yours", start, plan)...)
	}
	return all
}

// sayChecksum says in a configuration line of the Go benchmark format that the floor is another one than usual.
func sayChecksum(b *testing.B) {
	b.Helper()
	loop, err := floor.StartLoop()
	if err != nil {
		b.Fatal(err)
	}
	defer loop.Close()
	if loop.Checksum == floor.WithoutCRC32C {
		fmt.Println("floor-checksum: " + loop.Checksum)
	}
}

func run(b *testing.B, all []rows.Row) {
	b.Helper()
	shelf := rows.NewShelf(nil)
	b.Cleanup(func() {
		if err := shelf.Close(); err != nil {
			b.Error(err)
		}
	})
	for _, row := range all {
		b.Run(row.Name()+"/placement="+row.Placement, func(b *testing.B) {
			if err := shelf.Enter(row.Group); err != nil {
				b.Fatal(err)
			}
			metrics, err := row.Measure(context.Background(), shelf, b.Loop)
			switch {
			case errors.Is(err, conformance.Unsupported), errors.Is(err, rows.ErrNoFigure):
				b.Skip(err)
			case err != nil:
				b.Fatal(err)
			}
			b.ReportMetric(0, "ns/op") // of an iteration, which is no call, or one that has to come: nothing to tell
			for _, m := range metrics {
				if m.Unit == "allocs/op" {
					b.ReportAllocs() // or it is not printed
				}
				b.ReportMetric(m.Value, m.Unit)
			}
		})
	}
}
