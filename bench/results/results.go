// Package results reads and writes what benchmarks measured, in the Go benchmark format. The one thing
// beside the format is that the placement of the processes, one core or any, is part of a row's name:
// "placement: pinned" is a configuration line, and rows of different placements are different rows.
package results

import (
	"bytes"
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
	{"offered/s", "higher"}, {"late-p99-ns", "lower"},
}

// Set is the results of one version of the code, in the order in which they came.
type Set struct {
	File    string // that they were read from, for errors
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

// Read reads results; name is that of the file in errors, which give the line as well. A result that
// got lost is one that nobody would miss, and a number that cannot have been measured would be judged
// like any other. So it is an error, an *[Error] in most cases, if
//
//   - a line begins as a result and is none, or the last line is cut off;
//   - a value is not finite, is negative, or is a ratio to a floor and 0;
//   - a unit occurs twice in a line.
//
// What could be read is returned with the error.
func Read(r io.Reader, name string) (Set, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return Set{}, fmt.Errorf("%s: %w", name, err)
	}
	reader := benchfmt.NewReader(bytes.NewReader(text), name)
	set := Set{File: name}
	var problems []error
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.Result:
			result := rec.Clone()
			if err := wrongValues(result); err != nil {
				problems = append(problems, err)
			}
			set.Results = append(set.Results, result)
		case *benchfmt.SyntaxError:
			problems = append(problems, rec)
		}
	}
	if err := reader.Err(); err != nil {
		problems = append(problems, err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line := 1 + bytes.Count(text, []byte("\n"))
		problems = append(problems, &Error{name, line, "the last line is cut off: it has no end, so its last number may have lost digits; write the file anew"})
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
