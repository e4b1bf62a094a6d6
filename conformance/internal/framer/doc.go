// Package framer has the cases for framers.
//
// cases.go lists them and is the way in; the other files are named after what their cases look at. A case reads a
// demand (demand.go): vectors in several deliveries, and what the framer must make of them. It imports suite, wire,
// spec, result, proc, text and vectors, and never the cases of another role.
package framer
