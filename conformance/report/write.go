package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrExtension is wrapped by the errors of [Write] and [CheckPath] for a file extension that names no format.
var ErrExtension = errors.New("unknown format")

// Write writes the runs to a file, in the format that its extension names: .txt, .json, .xml (JUnit), .md or .html. A
// single run can also be written as a badge: .svg, or .badge.json for a service that draws badges. The file appears
// whole or not at all.
func Write(path string, runs ...Run) error {
	write, err := writer(path)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := write(&b, runs...); err != nil {
		return fmt.Errorf("the report %s was not written: %w", path, err)
	}
	if err := replace(path, b.Bytes()); err != nil {
		return fmt.Errorf("the report %s could not be written: %w", path, err)
	}
	return nil
}

// CheckPath returns an error if [Write] does not know the extension, so that a command can say so before a run.
func CheckPath(path string) error {
	_, err := writer(path)
	return err
}

func writer(path string) (func(io.Writer, ...Run) error, error) {
	switch name := strings.ToLower(filepath.Base(path)); {
	case strings.HasSuffix(name, ".badge.json"):
		return single(BadgeJSON), nil
	case strings.HasSuffix(name, ".svg"):
		return single(BadgeSVG), nil
	case strings.HasSuffix(name, ".json"):
		return JSON, nil
	case strings.HasSuffix(name, ".xml"):
		return JUnit, nil
	case strings.HasSuffix(name, ".md"):
		return Markdown, nil
	case strings.HasSuffix(name, ".html"), strings.HasSuffix(name, ".htm"):
		return HTML, nil
	case strings.HasSuffix(name, ".txt"):
		return Text, nil
	}
	return nil, fmt.Errorf("%w: %s: give a file that ends in .txt, .json, .xml (JUnit), .md, .html, .svg or .badge.json", ErrExtension, path)
}

func single(write func(io.Writer, Run) error) func(io.Writer, ...Run) error {
	return func(w io.Writer, runs ...Run) error {
		if len(runs) != 1 {
			return fmt.Errorf("a badge is for one run, and there are %d", len(runs))
		}
		return write(w, runs[0])
	}
}

// formatOf returns what writes the format that the extension of the file names.
func formatOf[F any](path string, formats map[string]F, what string) (F, error) {
	write, ok := formats[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return write, fmt.Errorf("%w: %s: give a file for %s that ends in %s", ErrExtension, path, what, strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	}
	return write, nil
}

// writeAs writes the file with what writes the format that its extension names.
func writeAs[F any](path string, formats map[string]F, what string, apply func(F, io.Writer) error) error {
	write, err := formatOf(path, formats, what)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := apply(write, &b); err != nil {
		return fmt.Errorf("%s was not written: %w", path, err)
	}
	if err := replace(path, b.Bytes()); err != nil {
		return fmt.Errorf("%s could not be written: %w", path, err)
	}
	return nil
}

// replace puts data into the file at path in one step. If the path names something else than a regular file, such as a
// pipe, replace writes to it directly.
func replace(path string, data []byte) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, data, 0o666)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
