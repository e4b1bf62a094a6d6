// Package result holds the outcome of a run: a [Report], a [Result] for each case, and the findings and the timeline of
// each result.
//
// It imports spec, and internal/wire and internal/text to write bytes and text. It knows no case. result.go is the
// place to begin. Package internal/suite makes reports; package report writes them to files.
package result
