package rows

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyproctest/pyproctest/bench/floor"
	"github.com/pyproctest/pyproctest/pyworker"
)

// Shelf holds what rows have opened: pools, the hand-written loop, the files of the bundled worker. The zero value is
// empty and ready. It is for one goroutine.
type Shelf struct {
	group  string
	open   map[string]any
	closes []func() error
	note   func(string)

	dir             string // for the files of the bundled worker
	program, source string
}

// NewShelf returns a shelf that passes on what a reader of the results has to know, such as that a library is missing.
func NewShelf(note func(string)) *Shelf { return &Shelf{note: note} }

// Enter says which group the next row is of, and closes what the one before had open.
func (s *Shelf) Enter(group string) error {
	if group == s.group {
		return nil
	}
	s.group = group
	return s.empty()
}

// Close closes everything.
func (s *Shelf) Close() error {
	s.group = ""
	err := s.empty()
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
		s.dir = ""
	}
	return err
}

func (s *Shelf) empty() error {
	var failed []error
	for i := len(s.closes) - 1; i >= 0; i-- {
		failed = append(failed, s.closes[i]())
	}
	s.closes, s.open = nil, nil
	return errors.Join(failed...)
}

// on returns what is on the shelf under a name, and makes it first if nothing is.
func on[T any](s *Shelf, name string, make func() (T, func() error, error)) (T, error) {
	if there, ok := s.open[name]; ok {
		return there.(T), nil
	}
	made, closes, err := make()
	if err != nil {
		return made, err
	}
	if s.open == nil {
		s.open = map[string]any{}
	}
	s.open[name] = made
	s.closes = append(s.closes, closes)
	return made, nil
}

// loop is the hand-written loop.
func (s *Shelf) loop() (*floor.Loop, error) {
	return on(s, "loop", func() (*floor.Loop, func() error, error) {
		loop, err := floor.StartLoop()
		if err != nil {
			return nil, nil, fmt.Errorf("the floor, which is a loop in Python, cannot be started: %w; PYPROCTEST_PYTHON names the interpreter, which is python3 where it is not set", err)
		}
		if s.note != nil {
			s.note("floor-checksum: " + loop.Checksum)
		}
		return loop, func() error { loop.Close(); return nil }, nil
	})
}

// bundled returns the paths of the bundled worker and of its package.
func (s *Shelf) bundled() (program, source string, err error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "ppb")
		if err != nil {
			return "", "", err
		}
		s.dir = dir
		if s.program, s.source, err = pyworker.Extract(filepath.Join(dir, "worker")); err != nil {
			return "", "", fmt.Errorf("the bundled worker cannot be written to %s: %w", dir, err)
		}
	}
	return s.program, s.source, nil
}
