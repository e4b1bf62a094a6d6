// Package known reads, applies and writes lists of known failures. With a list, an implementation that is not yet right
// can still notice when something gets worse.
//
// A list has one entry on each line, a clause or a case, and the reason:
//
//	# what is broken, and known to be
//	WRK-8                                   # serves one connection at a time
//	MSG-11/a-json-array/*                   # answered under ID 0, see issue 12
//
// A list is strict, so that it never hides more than it says. Every entry needs a reason. An entry that matches nothing,
// or under which nothing fails any more, is an error. If no case could be run, nothing is excused.
//
// It imports result, spec, internal/text, and catalog for the names of the cases. list.go reads a list, outcome.go
// applies it to a report, and write.go writes one. The command pyproctest and package report use it.
package known
