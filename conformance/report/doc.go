// Package report writes reports: as text, HTML, JSON, JUnit XML, Markdown and badges.
//
// It imports result, spec, known (for failures that are excused) and catalog (for the faults that each clause is
// proven to catch). run.go has what is written; each format has a file of its own. The command pyproctest uses it.
package report
