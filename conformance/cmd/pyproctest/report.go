package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance/report"
)

func reportCommand() *cobra.Command {
	var paths []string
	c := &cobra.Command{
		Use:   "report FILE.json...",
		Short: "Compare runs: read JSON reports, write one report",
		Long: `Reads the JSON reports of one or several runs and writes them as one report. In HTML, the
implementations are columns and the clauses are rows. Without --report, it writes text.

The parts of a run that was divided by --shard become one run again. Cases of a part whose
report is not given count as not run. The same part twice is an error.

Exit status, for all runs together:
  0  every MUST of every run holds
  1  some do not, or it is not known whether they do
  2  one of them could not be run`,
		Example: `  pyproctest run --framer 'node framer.mjs' --report node.json
  pyproctest run --framer ./c-framer --report c.json
  pyproctest report node.json c.json --report matrix.html
  pyproctest report shard-1.json shard-2.json --report whole.html   # of --shard 1/2 and 2/2`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return compare(c.OutOrStdout(), args, paths) },
	}
	c.Flags().StringArrayVar(&paths, "report", nil, "write a report to this `FILE`; its extension names the format: .json .xml (JUnit) .md .html .txt (repeatable)")
	return c
}

// compare reads the files and writes them as one report.
func compare(out io.Writer, files, paths []string) error {
	for _, path := range paths {
		if err := report.CheckPath(path); err != nil {
			return fmt.Errorf("--report %s: %w", path, err)
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return fmt.Errorf("%s cannot be written: %s is not a folder", path, filepath.Dir(path))
		}
	}
	var runs []report.Run
	for _, file := range files {
		more, err := readRuns(file)
		if err != nil {
			return err
		}
		runs = append(runs, more...)
	}
	runs, err := report.Merge(runs...)
	if err != nil {
		return err
	}
	var failed []error
	if len(paths) == 0 {
		failed = append(failed, report.Text(out, runs...))
	}
	for _, path := range paths {
		failed = append(failed, report.Write(path, runs...))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if status := report.ExitStatus(runs...); status != statusHolds {
		return &exit{status}
	}
	return nil
}

func readRuns(file string) ([]report.Run, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("the report cannot be read: %w", err)
	}
	defer func() { _ = f.Close() }()
	runs, err := report.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; give what pyproctest run --report FILE.json wrote", file, err)
	}
	return runs, nil
}
