package report

import (
	"errors"
	"io"
)

// Write writes the runs to a file, in the format that its extension names: .txt, .json, .xml (JUnit),
// .md, .html, or .svg (a badge of the first run). A path that ends in .badge.json gets the badge's
// endpoint. The file appears whole or not at all.
func Write(path string, runs ...Run) error { return errors.ErrUnsupported }

// CheckPath reports whether Write knows the extension, so that a command can say so before a run.
func CheckPath(path string) error { return errors.ErrUnsupported }

// Text writes the runs for a terminal.
func Text(w io.Writer, runs ...Run) error { return errors.ErrUnsupported }

// JSON writes the runs so that Read gives them back, as [Schema] describes it.
func JSON(w io.Writer, runs ...Run) error { return errors.ErrUnsupported }

// Read reads what JSON wrote.
func Read(r io.Reader) ([]Run, error) { return nil, errors.ErrUnsupported }

// JUnit writes the runs as JUnit XML.
func JUnit(w io.Writer, runs ...Run) error { return errors.ErrUnsupported }

// Markdown writes a short account of the runs for the summary of a CI job.
func Markdown(w io.Writer, runs ...Run) error { return errors.ErrUnsupported }

// HTML writes the runs as one self-contained page, several of them side by side first.
func HTML(w io.Writer, runs ...Run) error { return errors.ErrUnsupported }

// BadgeSVG writes the verdict of a run as an image.
func BadgeSVG(w io.Writer, run Run) error { return errors.ErrUnsupported }

// BadgeJSON writes the verdict of a run for a service that draws badges itself.
func BadgeJSON(w io.Writer, run Run) error { return errors.ErrUnsupported }
