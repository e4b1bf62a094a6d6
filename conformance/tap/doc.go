// Package tap passes bytes on between a pool and a worker, and reports each violation that it sees.
//
// Traffic comes first: bytes are copied for the inspection and passed on at once. If the inspection of a connection falls
// behind, the tap stops inspecting it and says so; the bytes go on. Each direction is closed when its sender closes it,
// and both are closed when a peer goes away, so neither peer notices the tap.
//
// It imports inspect and spec. Begin with tap.go. The command "pyproctest tap" uses it.
package tap
