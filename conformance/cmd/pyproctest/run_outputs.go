package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
)

// checkOutputs returns an error, before the run, for what could not be written after it.
func (r *runFlags) checkOutputs() error {
	for _, path := range r.reports {
		if err := report.CheckPath(path); err != nil {
			return fmt.Errorf("--report %s: %w", path, err)
		}
	}
	for _, path := range r.badges {
		if ext := filepath.Ext(path); ext != ".svg" && ext != ".json" {
			return fmt.Errorf("--badge %s: give a file that ends in .svg or .json", path)
		}
	}
	if r.onlyCases != nil || len(r.clauses) > 0 || len(r.exclude) > 0 || r.shard != "" {
		if _, err := os.Stat(r.writeKnown); r.writeKnown != "" && err == nil {
			return fmt.Errorf("--write-known-failing %s: the file exists, and this run is only a part: its other entries would be lost", r.writeKnown)
		}
	}
	for _, path := range slices.Concat(r.badges, r.reports, []string{r.writeKnown}) {
		if path == "" {
			continue
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return fmt.Errorf("%s cannot be written: %s is not a folder", path, filepath.Dir(path))
		}
	}
	return nil
}

// write writes all files that were asked for, also if one of them fails.
func (r *runFlags) write(run report.Run) error {
	var failed []error
	for _, path := range r.reports {
		failed = append(failed, report.Write(path, run))
	}
	for _, path := range r.badges {
		failed = append(failed, writeBadge(path, run))
	}
	if r.writeKnown != "" {
		failed = append(failed, r.writeList(run))
	}
	return errors.Join(failed...)
}

func writeBadge(path string, run report.Run) error {
	draw := report.BadgeSVG
	if filepath.Ext(path) == ".json" {
		draw = report.BadgeJSON
	}
	var b bytes.Buffer
	if err := draw(&b, run); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

func (r *runFlags) writeList(run report.Run) error {
	var b bytes.Buffer
	if err := known.Write(&b, run.Report, r.strict); err != nil {
		return err
	}
	return os.WriteFile(r.writeKnown, b.Bytes(), 0o666)
}
