// Package worker has the cases for workers.
//
// cases.go lists them and is the way in; the other files are named after what their cases look at. A case starts a
// process (process.go) and talks to it as a peer (peer.go). It imports suite, wire, spec, result, proc and text, and
// never the cases of another role.
package worker
