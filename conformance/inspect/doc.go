// Package inspect reads the bytes of a connection and reports which clauses they break.
//
// [Stream] is for one direction, [Connection] for both. They only read bytes that the caller has: package tap gives them
// live traffic, the command "pyproctest decode" gives them files. The package imports spec, internal/wire and
// internal/text.
package inspect
