// Package result has the outcome of a run: a [Report], its [Result] for each case, and the findings and the timeline
// of each.
//
// It imports spec, and internal/wire and internal/text to write bytes and text. It knows no case. Package report
// writes reports to files; internal/suite makes them.
package result
