package catalog

import (
	_ "embed"
	"encoding/json"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

//go:embed matrix.json
var matrixFile []byte

// Fault is one thing wrong with an implementation that is right otherwise. `make matrix` runs the suite on each.
type Fault struct {
	Role   spec.Role
	Clause string // which it breaks, and by which it was caught
	What   string // is wrong
}

// Proven returns the faults that the suite has caught when `make matrix` ran last, in the order of MATRIX.md.
func Proven() []Fault { return provenFaults() }

// A test holds the file against the faults that there are, so it is known to be readable.
var provenFaults = sync.OnceValue(func() []Fault {
	var rows, faults []Fault
	_ = json.Unmarshal(matrixFile, &rows)
	for _, f := range rows {
		if f.Clause != "" { // else a control
			faults = append(faults, f)
		}
	}
	return faults
})
