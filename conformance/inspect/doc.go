// Package inspect reads a stream of bytes, or both streams of a connection, and says which clauses they break.
//
// It imports spec, internal/wire and internal/text, and runs nothing: the bytes are the caller's. Package tap feeds it
// live traffic, and the command "pyproctest decode" files.
package inspect
