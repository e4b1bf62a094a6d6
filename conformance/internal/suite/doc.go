// Package suite runs cases: it selects them, gives each a [T] to work with, and makes the report.
//
// It imports spec, result and internal/proc, and knows no role. case.go says what a case is, t.go and the files beside it
// (findings.go, timeline.go, wait.go) what a case may do, job.go how one case runs, run.go how a whole run goes, and
// slots.go how many cases run at once. The cases are in internal/framer, internal/worker and internal/pool.
package suite
