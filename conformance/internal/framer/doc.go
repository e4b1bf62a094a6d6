// Package framer has the cases for framers.
//
// cases.go lists them and is the way in; the other files are named after what their cases check. Most cases state an
// expectation (expectation.go): a vector, in several deliveries (delivery.go), and what the framer must read from it
// (reading.go). The package imports suite, wire, spec, result, proc, text and vectors, and never the cases of another
// role.
package framer
