package catalog

import (
	_ "embed"
	"encoding/json"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

//go:embed matrix.json
var matrixFile []byte

// Fault is the one thing that is wrong with an implementation that is otherwise right. "make matrix" runs the suite
// against each.
type Fault struct {
	Role   spec.Role
	Clause string // that the fault breaks, and by which the suite caught it
	What   string // what is wrong
}

// Proven returns the faults that the suite caught when "make matrix" ran last, in the order of MATRIX.md.
func Proven() []Fault { return provenFaults() }

// A test compares the file with the faults that exist, so the error cannot happen.
var provenFaults = sync.OnceValue(func() []Fault {
	var rows, faults []Fault
	_ = json.Unmarshal(matrixFile, &rows)
	for _, f := range rows {
		if f.Clause != "" { // otherwise it is a control
			faults = append(faults, f)
		}
	}
	return faults
})
