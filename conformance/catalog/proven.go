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
	Clause string // the clause that the fault breaks, and by which it was caught
	What   string // what is wrong
}

// Proven returns the faults that the suite caught when `make matrix` ran last, in the order of MATRIX.md.
func Proven() []Fault {
	faults, _ := matrix()
	return faults
}

// Controls returns what is odd in each implementation that is right all the same, and that no clause accused when
// `make matrix` ran last.
func Controls() []string {
	_, controls := matrix()
	return controls
}

// A test compares the file with the planted faults, so it can be read.
var matrix = sync.OnceValues(func() (faults []Fault, controls []string) {
	var rows []Fault
	_ = json.Unmarshal(matrixFile, &rows)
	for _, f := range rows {
		if f.Clause == "" {
			controls = append(controls, f.What)
		} else {
			faults = append(faults, f)
		}
	}
	return faults, controls
})
