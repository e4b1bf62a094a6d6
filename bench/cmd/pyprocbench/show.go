package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pyproctest/pyproctest/bench/report"
	"github.com/pyproctest/pyproctest/bench/results"
)

// reportOf shows results that are there already.
func reportOf(_ context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: report RESULTS.txt; the report is written beside it")
	}
	return show(args[0], filepath.Dir(args[0]), os.Stdout)
}

// show prints results as text, and writes them as CSV, as a page and as an SVG.
func show(file, into string, to io.Writer) error {
	set, err := results.ReadFile(file)
	if err != nil {
		return err
	}
	if len(set.Results) == 0 {
		return fmt.Errorf("%s: nothing was measured", file)
	}
	rows := report.RowsOf(set)
	if err := report.WriteText(to, rows); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"results.csv", func(w io.Writer) error { return report.WriteCSV(w, rows) }},
		{"report.html", func(w io.Writer) error { return report.WriteHTML(w, rows, set) }},
		{"throughput.svg", func(w io.Writer) error { return report.WriteSVG(w, rows) }},
	} {
		if err := writeFile(filepath.Join(into, f.name), f.write); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(to, "\n%s: report.html to look at, results.csv and results.txt (for benchstat), throughput.svg\n", into)
	return err
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
