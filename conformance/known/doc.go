// Package known reads, applies and writes lists of known failures, so that an implementation that is
// not yet right can hold on to what it has.
//
// A list has one entry a line, a clause or a case and the reason:
//
//	# what is broken, and known to be
//	WRK-8                                   # serves one connection at a time
//	MSG-11/a-json-array/*                   # answered under ID 0, see issue 12
//
// It is strict: an entry needs a reason, and an entry that matches nothing, or under which nothing
// fails any more, is an error, so that a list never hides more than it says. What could not be run is
// never excused.
package known
