// Package suite runs cases: it selects them, gives each a [T] to tell its story to, and makes the report.
//
// It imports spec and result, and knows no role. Read case.go for what a case is, t.go for what a case may do, and
// run.go for how a run goes. The cases are in internal/framer, internal/worker and internal/pool.
package suite
