package report

// Verdict is what a run says as a whole.
type Verdict string

// The verdicts, from the best.
const (
	Holds    Verdict = "holds"    // every MUST that was asked for holds
	Known    Verdict = "known"    // what does not hold is on the known-failing list
	Stale    Verdict = "stale"    // so it is, but entries of the list are wrong
	Unknown  Verdict = "unknown"  // no MUST is violated, but not all are known
	Violated Verdict = "violated" // a MUST does not hold, or in a strict run a SHOULD
	NotRun   Verdict = "not run"  // nothing could be run
)

// Verdict judges the run.
func (r Run) Verdict() Verdict { return NotRun }

// ExitStatus of a command that made the runs: 0 where the verdict of each is Holds or Known, 2 where
// there is none or one could not be run, and 1 otherwise.
func ExitStatus(runs ...Run) int { return 2 }
