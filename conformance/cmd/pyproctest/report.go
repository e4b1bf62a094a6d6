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
	var comparing, github bool
	var history string
	c := &cobra.Command{
		Use:   "report FILE.json...",
		Short: "Several runs as one report, two runs compared, or a history of runs",
		Long: `Reads the JSON reports of one or several runs and writes them as one report. In HTML, the
implementations are columns and the clauses are rows. Without --report, it writes text.

The parts of a run that was divided by --shard become one run again. Cases of a part whose
report is not given count as not run. The same part twice is an error.

--compare OLD.json NEW.json says what broke, what was mended and what is new. It writes text,
or the format of --report: .html, .md or .txt.

--history DIR reads all JSON reports in a folder and the folders in it, and shows for each
implementation its runs, what changed from one to the next, and the cases that held in some
of them only. It writes text, or the format of --report: .html or .txt. Files that are no
reports are left out, and the history says which.

Exit status, for all runs together:
  0  every MUST of every run holds
  1  some do not, or it is not known whether they do
  2  one of them could not be run
With --compare:
  0  nothing that held is violated or not known now, and nothing new is
  1  something is, or the new run did not come to its end
With --history it is 0. Files that cannot be read or written: 2.`,
		Example: `  pyproctest run --framer 'node framer.mjs' --report node.json
  pyproctest run --framer ./c-framer --report c.json
  pyproctest report node.json c.json --report matrix.html
  pyproctest report shard-1.json shard-2.json --report whole.html   # of --shard 1/2 and 2/2
  pyproctest report --compare yesterday.json today.json --report changes.html
  pyproctest report --history reports/ --report history.html`,
		RunE: func(c *cobra.Command, args []string) error {
			out := c.OutOrStdout()
			switch {
			case github && (comparing || history != "" || len(paths) > 0):
				return errors.New("--github is for the reports of runs, and writes no other files")
			case comparing && history != "":
				return errors.New("give --compare or --history, not both")
			case history != "" && len(args) > 0:
				return errors.New("--history DIR reads the reports in the folder: give no other files")
			case history != "":
				return writeHistory(out, history, paths)
			case comparing && len(args) != 2:
				return fmt.Errorf("--compare: give two reports, OLD.json and NEW.json; there are %d", len(args))
			case comparing:
				return writeComparison(out, args[0], args[1], paths)
			case len(args) == 0:
				return errors.New("give the JSON reports of one or several runs, or --history DIR")
			}
			if github {
				return writeForGitHub(out, args)
			}
			return writeTogether(out, args, paths)
		},
	}
	c.Flags().StringArrayVar(&paths, "report", nil, "write a report to this `FILE`; its extension names the format: .json .xml (JUnit) .md .html .txt (repeatable)")
	c.Flags().BoolVar(&github, "github", false, "write what a GitHub workflow reads: annotations for clauses that do not hold, and outputs into $GITHUB_OUTPUT")
	c.Flags().BoolVar(&comparing, "compare", false, "compare two reports, the older first")
	c.Flags().StringVar(&history, "history", "", "show the history of the reports in this `DIR`")
	return c
}

// checkPaths returns an error, before anything is read, for a file that could not be written.
func checkPaths(paths []string, check func(string) error) error {
	for _, path := range paths {
		if err := check(path); err != nil {
			return fmt.Errorf("--report %s: %w", path, err)
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return fmt.Errorf("%s cannot be written: %s is not a folder", path, filepath.Dir(path))
		}
	}
	return nil
}

// writeComparison compares two reports, as text if no file is given.
func writeComparison(out io.Writer, before, after string, paths []string) error {
	if err := checkPaths(paths, report.CheckComparisonPath); err != nil {
		return err
	}
	old, err := readTogether([]string{before})
	if err != nil {
		return err
	}
	now, err := readTogether([]string{after})
	if err != nil {
		return err
	}
	all, err := report.Compare(old, now)
	if err != nil {
		return err
	}
	var failed []error
	if len(paths) == 0 {
		failed = append(failed, report.ComparisonText(out, all...))
	}
	for _, path := range paths {
		failed = append(failed, report.WriteComparison(path, all...))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if status := report.ComparisonStatus(all...); status != statusHolds {
		return &exit{status}
	}
	return nil
}

// writeHistory shows the reports in a folder, as text if no file is given.
func writeHistory(out io.Writer, folder string, paths []string) error {
	if err := checkPaths(paths, report.CheckHistoryPath); err != nil {
		return err
	}
	h, err := report.ReadHistory(folder)
	if err != nil {
		return err
	}
	var failed []error
	if len(paths) == 0 {
		failed = append(failed, report.HistoryText(out, h))
	}
	for _, path := range paths {
		failed = append(failed, report.WriteHistory(path, h))
	}
	return errors.Join(failed...)
}

// writeTogether reads the files and writes them as one report.
func writeTogether(out io.Writer, files, paths []string) error {
	if err := checkPaths(paths, report.CheckPath); err != nil {
		return err
	}
	runs, err := readTogether(files)
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

// readTogether reads the runs of the files. The parts of sharded runs are one run each.
func readTogether(files []string) ([]report.Run, error) {
	var runs []report.Run
	for _, file := range files {
		more, err := readRuns(file)
		if err != nil {
			return nil, err
		}
		runs = append(runs, more...)
	}
	return report.Merge(runs...)
}

// writeForGitHub writes annotations to out, and outputs to the file that $GITHUB_OUTPUT names.
func writeForGitHub(out io.Writer, files []string) error {
	runs, err := readTogether(files)
	if err != nil {
		return err
	}
	if err := report.Annotations(out, runs...); err != nil {
		return err
	}
	if path := os.Getenv("GITHUB_OUTPUT"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return fmt.Errorf("$GITHUB_OUTPUT cannot be written: %w", err)
		}
		if err := errors.Join(report.Outputs(f, runs...), f.Close()); err != nil {
			return err
		}
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
