// Package tap passes bytes on between a pool and a worker, and reports each violation that it sees.
//
// Traffic comes first: bytes are copied for the inspection and passed on at once. If an inspection falls behind, the tap
// gives it up for that connection and says so; the bytes go on. Each direction is closed when its sender closes it, and
// both are closed when a peer goes away, so that neither peer sees the tap between them.
//
// It imports inspect and spec. tap.go is the way in. The command "pyproctest tap" uses it.
package tap
