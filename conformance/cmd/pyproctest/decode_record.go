package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/conformance/tap"
)

// isRecord reports whether the input is what pyproctest tap --record wrote. As a basic frame it would be over any limit.
func isRecord(beginning []byte) bool { return bytes.HasPrefix(beginning, []byte(`{"record":`)) }

// recordSource finds the frames of all connections in a record of a tap.
type recordSource struct {
	options     inspect.Options
	only        spec.Role // whose frames are shown; empty for both
	pending     []byte    // of a line that is not complete
	line        int
	connections map[connectionKey]*inspect.Connection // nil once its bytes were lost
	cutOff      int
	notes       []string
}

type connectionKey struct{ process, number int }

func newRecordSource(o inspect.Options) (source, error) {
	only := o.Sender
	o.Sender = ""
	if _, err := inspect.NewConnection(o); err != nil {
		return nil, err
	}
	return &recordSource{options: o, only: only, connections: map[connectionKey]*inspect.Connection{}}, nil
}

// longestLine is more than a tap writes for one block of bytes.
const longestLine = 4 << 20

func (s *recordSource) write(block []byte) (all []located, err error) {
	s.pending = append(s.pending, block...)
	for {
		line, rest, whole := bytes.Cut(s.pending, []byte("\n"))
		if !whole {
			break
		}
		s.pending = rest
		frames, err := s.read(line)
		if all = append(all, frames...); err != nil {
			return all, err
		}
	}
	if len(s.pending) > longestLine {
		return all, fmt.Errorf("line %d of the record is too long to be one", s.line+1)
	}
	return all, nil
}

func (s *recordSource) end() ([]located, error) {
	if len(s.pending) > 0 {
		s.notes = append(s.notes, "The last line of the record is cut off, and was left out.")
	}
	return nil, nil
}

func (s *recordSource) remarks(*decoding) []string {
	notes := slices.Clone(s.notes)
	if s.cutOff > 0 {
		notes = append(notes, fmt.Sprintf("%s cut off by the end of a connection, which is not counted as a violation: a peer that stops at once may cut one off.", text.Plural(s.cutOff, "frame")))
	}
	return append(notes, fmt.Sprintf("%s recorded.", text.Plural(len(s.connections), "connection")))
}

// read takes one line of the record.
func (s *recordSource) read(line []byte) ([]located, error) {
	s.line++
	var r tap.Record
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("line %d of the record is not JSON: %w", s.line, err)
	}
	data, err := hex.DecodeString(r.Bytes)
	switch {
	case r.Record != tap.RecordVersion:
		return nil, fmt.Errorf("line %d of the record has the version %d, and this pyproctest reads version %d", s.line, r.Record, tap.RecordVersion)
	case err != nil:
		return nil, fmt.Errorf("line %d of the record: its bytes are not hex: %w", s.line, err)
	case !r.Lost && r.Sender != spec.RolePool && r.Sender != spec.RoleWorker:
		return nil, fmt.Errorf("line %d of the record: its sender is %q, and not pool or worker", s.line, r.Sender)
	}
	key, name := connectionKey{r.Process, r.Connection}, fmt.Sprintf("connection %d", r.Connection)
	if r.Process != 0 {
		name += fmt.Sprintf(" of process %d", r.Process)
	}
	c, known := s.connections[key]
	if !known {
		if c, err = inspect.NewConnection(s.options); err != nil {
			return nil, err
		}
		s.connections[key] = c
	}
	switch {
	case c == nil:
		return nil, nil
	case r.Lost:
		s.connections[key] = nil
		s.notes = append(s.notes, fmt.Sprintf("The record of %s ends at line %d: its bytes passed faster than they could be recorded.", name, s.line))
		return nil, nil
	}
	frames := c.Write(r.Sender, data)
	if r.End {
		frames = append(frames, c.End(r.Sender)...)
	}
	return s.ofInterest(locate(frames, name)), nil
}

// ofInterest leaves out the frames of the other sender, and frames that the end of a connection cut off.
func (s *recordSource) ofInterest(frames []located) []located {
	return slices.DeleteFunc(frames, func(f located) bool {
		cut := len(f.Violations) > 0 && f.Violations[0].Kind == spec.Truncated
		if cut {
			s.cutOff++
		}
		return cut || s.only != "" && f.Sender != s.only
	})
}
