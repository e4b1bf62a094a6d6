// Package report tells the outcome of conformance runs: to a terminal, as JSON, JUnit XML, Markdown and
// HTML, and as a badge. All come from one model, a [Run], and the same run is told the same way each time.
package report

import (
	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/known"
)

// Run is one run of the suite against one implementation, with what a reader needs to judge and repeat it.
type Run struct {
	conformance.Report
	Environment Environment
	Rerun       Rerun
	// Known is what a known-failing list says of the run; nil without a list.
	Known *known.Outcome
	// Strict is set where a SHOULD that does not hold fails the run.
	Strict bool
	// Notes are remarks that are no failures, such as what an adapter wrote to standard error.
	Notes []string
}

// Environment is where the run took place.
type Environment struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPUs    int    `json:"cpus"`
	Go      string `json:"go"`
	Version string `json:"version"` // of pyproctest, from its build information
}

// Here is the environment of this process.
func Here() Environment { return Environment{} }

// Rerun is how to repeat a run, as argument lists; either may be empty.
type Rerun struct {
	All []string `json:"all,omitempty"`
	// One repeats a single case: the case's ID is to follow as the last argument.
	One []string `json:"one,omitempty"`
}
