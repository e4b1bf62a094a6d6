package pool

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Pool is the pool under test. conformance.Pool says what its methods do. It stands there once more, and so do Options,
// because go doc shows nothing of a type that is an alias of an internal one.
type Pool interface {
	Start(ctx context.Context) error
	Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error)
	Health() spec.Health
	Shutdown(ctx context.Context) error
}

// Options are conformance.PoolOptions, which say what each field means.
type Options struct {
	Workers           int
	MaxInFlight       int
	Program, Argument string
	Env               []string
	SocketDir         string
	Framing           spec.Framing
	MaxPayload        int
	StartTimeout      time.Duration
	HealthInterval    time.Duration
	HealthTimeout     time.Duration
	RestartBackoff    time.Duration
	RestartBackoffMax time.Duration
	StopTimeout       time.Duration
	Queue             int
	Output            io.Writer // what the workers print [OUT-2]
}

// Open makes the pool under test and does not start it. It returns an error that wraps Unsupported if the pool does not
// offer what o asks for.
type Open func(o Options) (Pool, error)

// T is a case's view of the pool under test.
type T struct {
	*suite.T
	*shared
	open    Open
	framing spec.Framing // of the pool, also in a case that runs in one framing only
	clauses []string     // the clauses of the case
}

// blockIfLate blocks the case if its context has ended because it took too long. What it sees from then on says nothing
// about the pool.
func (t *T) blockIfLate() {
	if t.Context().Err() != nil {
		t.Blocked("the case was not done after %v", time.Since(t.Began()).Round(time.Second))
	}
}

// covers reports whether the case covers the clause.
func (t *T) covers(clause string) bool { return slices.Contains(t.clauses, clause) }

// shared is what the cases of one run share.
type shared struct {
	firstCaseRuns   bool              // the first case runs, alone
	leftByFirstCase map[leftover]bool // what the pool left behind even there
}

type testCase = suite.Case[*T]

// leftover is a kind of thing that a pool must not leave behind.
type leftover string

const (
	leftProcess leftover = "process"
	leftSocket  leftover = "socket file"
)
