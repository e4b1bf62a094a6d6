// Package conformance says, clause by clause, whether a framer, a worker or a pool obeys the PyProc protocol of SPEC.md,
// and shows the bytes where it does not.
//
// Three functions run the cases as subtests, one for each role:
//
//	conformance.TestFramer(t, func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer { … })
//	conformance.TestWorker(t, conformance.Command("python3", "worker.py"))
//	conformance.TestPool(t, func(o conformance.PoolOptions) (conformance.Pool, error) { … })
//
// CheckFramer, CheckWorker and CheckPool run the same cases without a testing.T and return a report. The command
// pyproctest runs them against implementations in any language: a framer or a pool plugs in as a program, see ADAPTERS.md.
//
// ExploreFramer, ExploreWorker and ExplorePool look for what no case lists: they play generated histories and fail with the
// shortest one that breaks a clause.
//
// The suite reads and writes bytes with a codec of its own, so that a bug of an implementation cannot hide itself. A
// violated MUST fails its subtest. A violated SHOULD skips its subtest, which go test -v shows, unless [StrictShould] is
// given. A case that could not run fails.
//
// This package is the public face: it declares what users implement and passes it on. The cases are in internal/framer,
// internal/worker and internal/pool, and what explores is in internal/explore; package result has the report.
// CONTRIBUTING.md says how to add to the suite.
package conformance
