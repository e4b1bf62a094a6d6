// Package worker has the cases for workers.
//
// cases.go lists the cases and runs them. The other files are either a group of cases, named after what they test, or
// what the cases are built from:
//
//	command.go       how to start the worker
//	instance.go      an operating system process of the worker, and the pool of those that cases share
//	process.go       an instance as one case uses it; output.go: how it ended and what it wrote; stream.go: reading that
//	deadline.go      how long a case waits for the worker
//	connect.go       opening a connection to the worker
//	peer.go          a connection: sending, and reading in the background
//	answers.go       waiting for answers and checking them
//	requests.go      bodies of requests
//	exit_status.go   requests that must not run, and how the suite sees that one did
//	purpose.go       what a failed step of a case means
//	gauge.go         how many handlers run
//	cancelling.go    cancelling a handler and seeing that it ends
//	socket_file.go   the file at the worker's socket path
//	preflight.go     whether any case can be run at all
//
// Glossary:
//
//   - An instance is one run of the worker's program.
//   - A process is an instance while one case uses it. When the case ends, the instance may go on to serve other cases.
//   - A peer is the suite's end of one connection to the worker. In the words of the protocol it is the caller.
//   - A gauge is a connection on which the suite reads `inflight`, the number of handlers that run.
//   - The preflight is the first start of the worker in a run. It finds out which framings the worker speaks and whether
//     it has the methods that the cases need, so that a worker that cannot be tested gets one error and not hundreds.
//   - A purpose says what a step of a case is for: it tests a clause, or it sets up what the case tests.
//
// The package imports suite, wire, spec, result, proc and text, and never the cases of another role.
package worker
