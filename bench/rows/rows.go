// Package rows has the rows in which anybody's framer, worker or pool is measured: those of this repository's own
// benchmarks, against the same floors, in the same units. Package bench runs them as Go benchmarks, and the command
// pyproctest bench runs them in rounds.
package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/bench/turns"
)

// Extent says how many rows there are.
type Extent int

// The extents. Each has the rows of the one before it.
const (
	Quick  Extent = iota // a few, which say the most
	Normal               // enough for every chart
	Full                 // all sizes, callers, workers and framings
)

// The placements of the processes of a row, which are part of its name. A wake-up across cores can cost more than a whole
// call, so rows of different placements are never compared.
const (
	Pinned   = "pinned"   // this process and those that it starts are on one core
	Unpinned = "unpinned" // they are wherever the system puts them
)

// Placements returns those that this system offers.
func Placements() []string {
	if turns.CanPin {
		return []string{Pinned, Unpinned}
	}
	return []string{Unpinned}
}

// Row is one line of the tables.
type Row struct {
	Benchmark string // "Framing", "Calls", "Load", "Start", "Recovery" or "Idle"
	Keys      string // what it measures: "side=yours/framing=enhanced/workers=1/size=64B/callers=1"
	Placement string

	// Group names what the row needs to be open. Rows of one group follow each other, and share it.
	Group string

	options turns.Options
	sides   func(ctx context.Context, s *Shelf) (floor, subject turns.Side, err error)
	own     func(ctx context.Context, s *Shelf, more func() bool) ([]turns.Metric, error) // in place of both
}

// Name is what the Go benchmark format calls the row.
func (r Row) Name() string { return r.Benchmark + "/" + r.Keys }

// String is the name with the placement.
func (r Row) String() string { return r.Name() + " (" + r.Placement + ")" }

// MeasuredBy returns the row, measured by a function of its own. That goes on for as long as more is true, or as long as it
// needs.
func (r Row) MeasuredBy(measure func(ctx context.Context, s *Shelf, more func() bool) ([]turns.Metric, error)) Row {
	r.own = measure
	return r
}

// hung is when a row is given up. It is many times what any row needs before its first turn.
const hung = time.Minute

// Measure sets the subject against its floor, turn by turn, for as long as more is true. It opens on the shelf what is
// not open yet. It fails if a turn takes a minute, or if ctx ends.
func (r Row) Measure(ctx context.Context, s *Shelf, more func() bool) ([]turns.Metric, error) {
	if r.Placement == Pinned {
		unpin, err := turns.PinProcess()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		defer func() { _ = unpin() }() // the cores were those of this process before
	}
	measure := r.own
	if measure == nil {
		measure = func(ctx context.Context, s *Shelf, more func() bool) ([]turns.Metric, error) {
			return compare(ctx, more, r.options, func(ctx context.Context) (floor, subject turns.Side, err error) { return r.sides(ctx, s) })
		}
	}
	metrics, err := measure(ctx, s, more)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	return metrics, nil
}

// compare lets two sides take turns, and gives them up if a turn takes a minute. Their context ends then, and when they are
// measured.
func compare(ctx context.Context, more func() bool, o turns.Options,
	sides func(ctx context.Context) (floor, subject turns.Side, err error)) ([]turns.Metric, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errOver)
	patience := time.AfterFunc(hung, func() { cancel(errHung) })
	defer patience.Stop()
	floor, subject, err := sides(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := turns.Compare(func() bool {
		patience.Reset(hung)
		return ctx.Err() == nil && more()
	}, o, floor, subject)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return metrics, err
}

// errOver is the cause of the end of a row's context when nothing is wrong.
var errOver = errors.New("the row is measured")

var errHung = fmt.Errorf("a turn did not end within %v: a call or a frame hangs", hung)

// ErrNoFigure is in the error of a row whose subject cannot do what was asked of it, though nothing is wrong with it.
var ErrNoFigure = errors.New("no figure")

type size struct {
	name  string
	bytes int
}
