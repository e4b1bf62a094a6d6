// Package results reads and writes what benchmarks measured, in the Go benchmark format. The one thing
// beside the format is that the placement of the processes, one core or any, is part of a row's name:
// "placement: pinned" is a configuration line, and rows of different placements are different rows.
package results

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/perf/benchfmt"
)

// Units declares which way each unit is better, so that no reader has to guess.
var Units = []struct{ Unit, Better string }{
	{"ns/op", "lower"}, {"floor-ns/op", "lower"},
	{"x-floor", "lower"}, {"x-raw", "lower"},
	{"p1-ns", "lower"}, {"p10-ns", "lower"}, {"p25-ns", "lower"}, {"p50-ns", "lower"}, {"p75-ns", "lower"},
	{"p90-ns", "lower"}, {"p95-ns", "lower"}, {"p99-ns", "lower"}, {"p999-ns", "lower"},
	{"floor-p1-ns", "lower"}, {"floor-p10-ns", "lower"}, {"floor-p25-ns", "lower"}, {"floor-p50-ns", "lower"}, {"floor-p75-ns", "lower"},
	{"floor-p90-ns", "lower"}, {"floor-p95-ns", "lower"}, {"floor-p99-ns", "lower"}, {"floor-p999-ns", "lower"},
	{"calls/s", "higher"}, {"floor-calls/s", "higher"}, {"B/s", "higher"},
	{"go-cpu-ns/op", "lower"}, {"py-cpu-ns/op", "lower"},
	{"floor-go-cpu-ns/op", "lower"}, {"floor-py-cpu-ns/op", "lower"},
	{"allocs/op", "lower"}, {"B/op", "lower"},
	{"resident-B/worker", "lower"}, {"own-B/worker", "lower"}, {"floor-resident-B/worker", "lower"},
	{"py-cpu-ns/s/worker", "lower"}, {"go-cpu-ns/s/worker", "lower"},
	{"errors-elsewhere/op", "lower"},
}

// Set is the results of one version of the code, in the order in which they came.
type Set struct {
	Results []*benchfmt.Result
	Units   benchfmt.UnitMetadataMap
}

// ReadFile reads a file of results.
func ReadFile(path string) (Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return Set{}, err
	}
	defer func() { _ = f.Close() }()
	return Read(f, path)
}

// Read reads results; name is that of the file in errors. A line that begins as a result and is none
// is an error, for a result that got lost is one that nobody would miss.
func Read(r io.Reader, name string) (Set, error) {
	reader := benchfmt.NewReader(r, name)
	var set Set
	var problems []error
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.Result:
			set.Results = append(set.Results, rec.Clone())
		case *benchfmt.SyntaxError:
			problems = append(problems, rec)
		}
	}
	if err := reader.Err(); err != nil {
		problems = append(problems, err)
	}
	set.Units = reader.Units()
	return set, errors.Join(problems...)
}

// Writer writes results to a file, each as soon as it is there, so that nothing is lost when a run is
// cut short.
type Writer struct {
	file *os.File
	w    *benchfmt.Writer
}

// Create makes the file, with the units declared.
func Create(path string) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	for _, u := range Units {
		if _, err := fmt.Fprintf(f, "Unit %s better=%s\n", u.Unit, u.Better); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &Writer{file: f, w: benchfmt.NewWriter(f)}, nil
}

// Write writes one result, with the configuration lines that differ from those of the one before.
func (w *Writer) Write(r *benchfmt.Result) error { return w.w.Write(r) }

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }
