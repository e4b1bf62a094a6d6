// Package conformance says, clause by clause, whether a framer, a worker or a pool obeys the PyProc
// protocol of SPEC.md, and shows the bytes where it does not.
//
// Three entry points run the cases as subtests, one for each role:
//
//	conformance.TestFramer(t, func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer { … })
//	conformance.TestWorker(t, conformance.Command("python3", "worker.py"))
//	conformance.TestPool(t, func(o conformance.PoolOptions) (conformance.Pool, error) { … })
//
// A framer or a pool in another language plugs in as a program: see ADAPTERS.md and package adapter.
//
// The command pyproctest in cmd/pyproctest runs the same cases without a Go test, against implementations in
// any language.
//
// The suite reads and writes bytes with a codec of its own, so that a bug in an implementation cannot
// hide itself. A violated MUST fails its subtest. A violated SHOULD is shown and skips its subtest,
// unless [StrictShould] is given. A case that could not run fails: it never looks green.
package conformance
