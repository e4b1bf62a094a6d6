package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pyproctest/pyproctest/conformance/tap"
)

// recording writes what passes to a file, one line of JSON for each piece.
type recording struct {
	out io.Writer
	err error // of the first line that could not be written, or a loss
}

func (r *recording) keep(p tap.Passing) {
	if p.Lost {
		r.err = errors.Join(r.err, fmt.Errorf("bytes of connection %d passed faster than they could be recorded", p.Connection))
	}
	line := p.Record()
	line.Process = os.Getpid()
	text, err := json.Marshal(line)
	if err == nil {
		_, err = r.out.Write(append(text, '\n'))
	}
	if err != nil && r.err == nil {
		r.err = err
	}
}
