// Package report writes reports: as text, HTML, JSON, JUnit XML, Markdown and badges.
//
// It imports result, spec, internal/text, known (for failures that are excused) and catalog (for the faults that each
// clause is proven to catch). run.go has the [Run] that is written; each format has a file of its own. The command
// pyproctest uses it.
package report
