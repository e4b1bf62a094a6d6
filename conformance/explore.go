package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	exploreframer "github.com/pyproctest/pyproctest/conformance/internal/explore/framer"
	explorepool "github.com/pyproctest/pyproctest/conformance/internal/explore/pool"
	exploreworker "github.com/pyproctest/pyproctest/conformance/internal/explore/worker"
	"github.com/pyproctest/pyproctest/conformance/internal/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/worker"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Exploration says how to look for what no case lists: how long, from which seed, and where to keep what is found. The zero
// value explores for a minute, or for five seconds under go test -short.
type Exploration struct {
	Seed      uint64        // of the histories; 0 draws one, which is told
	For       time.Duration // how long; 0 for a minute, unless Histories bounds it
	Histories int           // how many at most; 0 for no bound
	Steps     int           // of one history at most; 0 for no bound
	Patience  time.Duration // how long to wait for what must come before it is missing; 0 for 10 s
	Framings  []Framing     // none means both
	Clauses   []string      // patterns of the clauses to look at, such as "BPR-*"; none means all
	Save      string        // the folder in which to keep histories that fail; empty to keep none
	Replay    string        // a saved history, or a folder of them, to be played instead of new ones
	Stop      int           // how many failures end it; 0 for no bound
	Progress  func(string)  // called about once a second with a line that tells what was reached; may be nil
	OnFound   func(string)  // called with the text of each failure as it is found; may be nil
}

// Explored is what an exploration reached and found. Report gives it as the report of a run.
type Explored = explore.Summary

const (
	exploredFor      = time.Minute
	exploredForShort = 5 * time.Second
)

// ExploreWorker plays generated histories on the worker that the command starts, and fails with the shortest history that it
// finds for each rule of the protocol that does not hold. The worker must expose the methods of clause WRK-21.
func ExploreWorker(t *testing.T, command WorkerCommand, x Exploration) {
	t.Helper()
	testExploration(t, x, func(x Exploration) (Explored, error) { return CheckExploreWorker(t.Context(), command, x) })
}

// CheckExploreWorker is [ExploreWorker] without a testing.T.
func CheckExploreWorker(ctx context.Context, command WorkerCommand, x Exploration) (Explored, error) {
	x = x.complete()
	return x.run(ctx, &exploreworker.Subject{Command: worker.Command(command), Framings: x.Framings, StartWithin: 3 * x.Patience})
}

// complete returns the exploration with its defaults filled in.
func (x Exploration) complete() Exploration {
	if x.Seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		x.Seed = binary.BigEndian.Uint64(b[:]) >> 16
	}
	if x.For == 0 && x.Histories == 0 {
		x.For = exploredFor
	}
	if x.Patience == 0 {
		x.Patience = 10 * time.Second
	}
	if len(x.Framings) == 0 {
		x.Framings = []Framing{Enhanced, Basic}
	}
	return x
}

// run explores the subject, or replays what was saved.
func (x Exploration) run(ctx context.Context, s explore.Subject) (Explored, error) {
	c := explore.Config{Seed: x.Seed, For: x.For, Histories: x.Histories, Steps: x.Steps, Patience: x.Patience, Most: x.Stop}
	if len(x.Clauses) > 0 {
		c.Clauses = func(clause string) bool {
			return slices.ContainsFunc(x.Clauses, func(pattern string) bool { return result.Match(pattern, clause) })
		}
	}
	if x.Progress != nil {
		c.Progress = func(p explore.Progress) { x.Progress(p.Line()) }
	}
	var saving error
	c.OnFound = func(f *explore.Found) {
		if x.Save != "" {
			if f.File, saving = f.History.Save(x.Save); saving != nil {
				return
			}
		}
		if x.OnFound != nil {
			x.OnFound(f.Text())
		}
	}
	var e Explored
	var err error
	if x.Replay != "" {
		e, err = explore.ReplayAll(ctx, s, x.Replay, c)
	} else {
		e, err = explore.Explore(ctx, s, c)
	}
	if err == nil {
		err = saving
	}
	return e, err
}

// testExploration runs an exploration and fails the test for each failure that it found. A broken SHOULD is only logged.
func testExploration(t *testing.T, x Exploration, run func(Exploration) (Explored, error)) {
	t.Helper()
	if x.For == 0 && x.Histories == 0 && testing.Short() {
		x.For = exploredForShort
	}
	x = x.complete()
	t.Logf("exploring from seed %d", x.Seed)
	e, err := run(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range e.Failures {
		if c, _ := spec.LookUp(f.Failure.Clause); c.Level == spec.Should {
			t.Log(f.Text())
		} else {
			t.Error(f.Text())
		}
	}
	for _, u := range e.Unconfirmed {
		t.Log("not confirmed: " + u)
	}
	t.Log(e.Line())
	if e.Histories == 0 {
		t.Error(fmt.Sprint("no history was played", e.Blocked))
	}
}

// ExploreFramer plays generated histories on the framers that open makes, as [ExploreWorker] does on a worker.
func ExploreFramer(t *testing.T, open func(rw io.ReadWriter, o FramerOptions) Framer, x Exploration) {
	t.Helper()
	testExploration(t, x, func(x Exploration) (Explored, error) { return CheckExploreFramer(t.Context(), open, x) })
}

// CheckExploreFramer is [ExploreFramer] without a testing.T.
func CheckExploreFramer(ctx context.Context, open func(rw io.ReadWriter, o FramerOptions) Framer, x Exploration) (Explored, error) {
	x = x.complete()
	make := internalFramer(open)
	if make == nil {
		return Explored{}, errors.New("there is no framer to explore: the function that makes one is nil")
	}
	probe := make(new(bytes.Buffer), framer.Options{Framing: x.Framings[0]})
	_, remote := probe.(framer.Remote)
	return x.run(ctx, &exploreframer.Subject{Make: make, Framings: x.Framings, Called: "framer", Remote: remote})
}

// ExplorePool plays generated histories on the pools that open makes, as [ExploreWorker] does on a worker. The suite plays the
// workers: see [TestPool] for what that asks of the test binary.
func ExplorePool(t *testing.T, open func(o PoolOptions) (Pool, error), x Exploration) {
	t.Helper()
	testExploration(t, x, func(x Exploration) (Explored, error) { return CheckExplorePool(t.Context(), open, x) })
}

// CheckExplorePool is [ExplorePool] without a testing.T.
func CheckExplorePool(ctx context.Context, open func(o PoolOptions) (Pool, error), x Exploration) (Explored, error) {
	x = x.complete()
	if open == nil {
		return Explored{}, errors.New("there is no pool to explore: the function that makes one is nil")
	}
	return x.run(ctx, &explorepool.Subject{Make: internalPool(open), Framings: x.Framings, Called: "pool"})
}
