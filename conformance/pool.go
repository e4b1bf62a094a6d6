package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Pool is what the suite asks of a pool.
type Pool interface {
	// Start starts the workers; its context bounds the start alone [STA-7].
	Start(ctx context.Context) error
	// Call calls a method in some worker and returns the body of the answer. Its error lets errors.Is
	// find context.Canceled or context.DeadlineExceeded where its context ended, and otherwise Busy,
	// Closed, NotStarted, ErrorAnswer (with the worker's text in the error's text), WorkerDied, and
	// beside any of these MayHaveRun where the request may have reached a handler [HLT-5].
	Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error)
	Health() Health
	Shutdown(ctx context.Context) error
}

// The kinds of errors of a pool. An adapter wraps them, so that errors.Is finds them.
const (
	Busy        ErrorKind = "busy"         // the bounded queue is full [BPR-6]
	Closed      ErrorKind = "closed"       // Shutdown has begun [SHD-1]
	NotStarted  ErrorKind = "not_started"  // Start was not called or failed [STA-8]
	ErrorAnswer ErrorKind = "error_answer" // the worker answered "ok": false [MSG-16]
	WorkerDied  ErrorKind = "worker_died"  // the worker or its connection was lost [HLT-5]
	MayHaveRun  ErrorKind = "may_have_run" // the request may have reached a handler [HLT-5]
	Unsupported ErrorKind = "unsupported"  // what was asked is not offered, such as an option; never a pass
)

// Health is what a pool tells of its workers [HLT-3].
type Health struct {
	Total     int       // workers of the pool
	Healthy   int       // those that take calls
	Restarts  int       // since the start
	LastCheck time.Time // when the last health check ended, zero before the first
}

// PoolOptions say what kind of pool a case needs. A field that is 0 asks for the implementation's
// default.
type PoolOptions struct {
	Workers     int
	MaxInFlight int // requests at one worker at once [BPR-2]
	// Program and Argument are what the pool must start as each worker: the program with this one
	// argument, which is the path of a file, and Env added to the environment, beside
	// PYPROC_SOCKET_PATH.
	Program, Argument string
	Env               []string
	SocketDir         string // where the sockets go
	Framing           Framing
	MaxPayload        int // bytes
	StartTimeout      time.Duration
	HealthInterval    time.Duration
	HealthTimeout     time.Duration
	RestartBackoff    time.Duration // the first delay before a restart
	RestartBackoffMax time.Duration
	StopTimeout       time.Duration // from SIGTERM to SIGKILL
	// Queue bounds how many calls may wait for a slot; 0 sets no bound. A pool that has no such
	// bound returns an error that wraps Unsupported [BPR-6].
	Queue int
}

// OpenPool makes the pool under test, not started yet.
type OpenPool func(o PoolOptions) (Pool, error)

// TestPool runs every case for pools. The workers that the pool under test starts are the suite's own:
// PoolOptions.Program is the running program once more, which finds PYPROCTEST_CONTROL in its environment
// and is a scripted worker before any test or main begins. A pool that cannot start and call one right
// worker fails that one case, and no other is run. The cases of STA-5 and SHD-6 compare the goroutines
// and descriptors of this process, so nothing else may run in it meanwhile.
func TestPool(t *testing.T, open func(o PoolOptions) (Pool, error), opts ...Option) {
	t.Helper()
	testPool(t, open, opts...)
}

// testPool runs every case as a subtest.
func testPool(t *testing.T, open OpenPool, opts ...Option) {
	t.Helper()
	o := newOptions(t.Context(), opts)
	all, notRun, _ := poolJobs(t.Context(), open, o)
	runAll(t, RolePool, o, all, notRun)
}

// CheckPool runs the same cases without a testing.T.
func CheckPool(ctx context.Context, open func(o PoolOptions) (Pool, error), opts ...Option) Report {
	return checkPool(ctx, open, opts...)
}

// checkPool runs every case without a testing.T.
func checkPool(ctx context.Context, open OpenPool, opts ...Option) Report {
	o := newOptions(ctx, opts)
	all, notRun, usable := poolJobs(ctx, open, o)
	rep := check(ctx, RolePool, o, all, notRun)
	if !usable && !rep.Interrupted {
		rep.SetUp = strings.Join(notRun, "; ")
	}
	return rep
}

// poolJobs makes the cases ready. Where a right worker cannot even be started and called in a framing,
// that alone is run and told.
func poolJobs(ctx context.Context, open OpenPool, o *options) (all []job, notRun []string, anyFraming bool) {
	run := &poolRun{leaves: map[string]bool{}}
	ready := func(c poolCase, o *options) []job {
		return jobs(c.Case, o, func(t *T) {
			framing := t.Framing
			if framing == "" {
				framing = o.framings[0]
			}
			p := &poolT{T: t, poolRun: run, open: open, framing: framing, cites: c.Clauses}
			c.run(p)
			p.inTime()
		})
	}
	usable := *o
	usable.framings = nil
	run.first = true
	for _, f := range o.framings {
		one := options{framings: []Framing{f}}
		first := ready(firstPoolCase(), &one)[0]
		switch r := runJob(ctx, first, o); r.Status {
		case StatusPass:
			usable.framings = append(usable.framings, f)
		case StatusUnsupported:
			notRun = append(notRun, fmt.Sprintf("the %s framing: %s", f, r.Reason))
		default:
			first.run = func(t *T) { t.retell(r) } // run once more it might pass by chance, and nothing would be told
			all = append(all, first)
			notRun = append(notRun, fmt.Sprintf("every other case in the %s framing, because one right worker could not be started and called", f))
		}
	}
	run.first = false
	if len(usable.framings) == 0 {
		return all, notRun, false
	}
	for _, c := range poolCases() {
		all = append(all, ready(c, &usable)...)
	}
	return all, notRun, true
}

// poolRun is what the cases of one run share.
type poolRun struct {
	first  bool            // the first case runs, alone
	leaves map[string]bool // what the pool left behind even there: "process", "socket file"
}

// poolT is a case's view of the pool under test.
type poolT struct {
	*T
	*poolRun
	open    OpenPool
	framing Framing  // to run in, also where it plays no part
	cites   []string // the clauses of the case
}

// inTime ends a case that took so long that its context has ended: what it sees from then on says nothing
// of the pool.
func (t *poolT) inTime() {
	if t.Context().Err() != nil {
		t.Blocked("the case was not done after %v", time.Since(t.Began()).Round(time.Second))
	}
}

// about reports whether the case covers the clause.
func (t *poolT) about(clause string) bool { return slices.Contains(t.cites, clause) }

type poolCase struct {
	Case
	run func(*poolT)
}

func poolCases() []poolCase {
	return slices.Concat(
		[]poolCase{firstPoolCase()},
		poolStartCases(),
		poolFailedStartCases(),
		poolMessageCases(),
		poolMatchingCases(),
		poolBrokenAnswerCases(),
		poolUnreadableCases(),
		poolFullConnectionCases(),
		poolSelectionCases(),
		poolBoundCases(),
		poolWaiterCases(),
		poolSlotCases(),
		poolCancellationCases(),
		poolHealthCases(),
		poolDeathCases(),
		poolRestartCases(),
		poolShutdownCases(),
		poolSafeShutdownCases(),
	)
}
