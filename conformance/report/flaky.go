package report

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// flakyShown is how many cases that held only sometimes are named.
const flakyShown = 20

// flaky returns the cases that held only some of the times that they ran, in a run that repeats each case. Such a case
// counts as it ended at its worst, so its clause does not hold and the run fails.
func (r Run) flaky() []result.Result {
	var all []result.Result
	for _, res := range r.Results {
		if res.Flaky() {
			all = append(all, res)
		}
	}
	return all
}

// flakyLines names these cases, one a line, with how often each held.
func (r Run) flakyLines() []string {
	var lines []string
	for i, res := range r.flaky() {
		if i == flakyShown {
			return append(lines, "and "+text.Plural(len(r.flaky())-i, "more case"))
		}
		lines = append(lines, fmt.Sprintf("%s held %d of %d times", res.ID, res.Held, res.Times))
	}
	return lines
}

// Failed returns the IDs of the cases that did not pass and that no known-failing list excuses, in the order of the results.
// Cases of what is optional and not offered are not among them.
func (r Run) Failed() []string {
	var ids []string
	for _, f := range r.failures() {
		if f.kind < excused {
			ids = append(ids, f.ID)
		}
	}
	return ids
}
