package rows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/pyproctest/pyproctest/bench/floor"
	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/conformance"
)

// TimedPool is a [conformance.Pool] of another program, which makes calls in a loop of its own and times that.
type TimedPool interface {
	conformance.Pool
	// Measure makes n calls from so many callers at once, and returns the time that all of them took. For a lone caller
	// it also returns the time of each.
	Measure(ctx context.Context, n, callers int, method string, body json.RawMessage) (took time.Duration, each []time.Duration, err error)
}

// remotePool is a pool of another program, such as that of package adapter.
type remotePool interface {
	HealthNow() (conformance.Health, error)
	Close() error
}

// OpenPool makes a pool, as for [conformance.TestPool].
type OpenPool func(o conformance.PoolOptions) (conformance.Pool, error)

// Pool returns the rows of a pool with the bundled worker.
func Pool(side string, open OpenPool, extent Extent) []Row {
	return calls(side, StartPool(open), extent)
}

// inFlight is what the reference pool sends to a worker at once where nothing else is set.
const inFlight = 16

// StartPool starts a pool with the bundled worker.
func StartPool(open OpenPool) Starter {
	return func(ctx context.Context, shelf *Shelf, framing conformance.Framing, workers int) (_ *started, err error) {
		program, _, err := shelf.bundled()
		if err != nil {
			return nil, err
		}
		python, err := exec.LookPath(peer.Python())
		if err != nil {
			return nil, fmt.Errorf("the pool's workers are the bundled one, in Python: %w; PYPROCTEST_PYTHON names the interpreter", err)
		}
		sockets, err := os.MkdirTemp("", "pps")
		if err != nil {
			return nil, err
		}
		p, err := open(conformance.PoolOptions{
			Program: python, Argument: program, SocketDir: sockets, Workers: workers, MaxInFlight: inFlight, Framing: framing,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the pool cannot be made: %w", err), os.RemoveAll(sockets))
		}
		s := &started{call: p.Call, health: func() (conformance.Health, error) { return p.Health(), nil }}
		s.timed, _ = p.(TimedPool)
		remote, _ := p.(remotePool)
		if remote != nil {
			s.health = remote.HealthNow
			s.lines = func(_ context.Context, _ string, body json.RawMessage) (json.RawMessage, error) {
				_, err := remote.HealthNow()
				return body, err
			}
		}
		shutdown := func(ctx context.Context) error {
			if remote != nil { // a program that does not answer is ended
				defer time.AfterFunc(2*stopTimeout, func() { _ = remote.Close() }).Stop()
			}
			return p.Shutdown(ctx)
		}
		s.abort = func() { _ = shutdown(ended()) }
		s.stop = func() error {
			ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
			defer cancel()
			err := shutdown(ctx)
			if remote != nil {
				err = errors.Join(err, remote.Close())
			}
			return errors.Join(err, os.RemoveAll(sockets))
		}
		err = p.Start(ctx)
		if err == nil {
			err = s.findPIDs(ctx, workers)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the pool does not start: %w", err), s.stop())
		}
		return s, nil
	}
}

// ended is a context for a Shutdown that waits for no call.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// stopTimeout is how long a pool may let running calls finish, of which there are none.
const stopTimeout = 10 * time.Second

// SlowWorker says why figures of pools are not what they would be elsewhere, or "" where they are: without google_crc32c the
// bundled worker computes its checksums in Python, which the floor, in C, does not.
func SlowWorker(checksum string) string {
	if checksum != floor.WithoutCRC32C {
		return ""
	}
	return fmt.Sprintf("%s has no google_crc32c: the bundled worker computes its checksums in Python, slowly, and the ratios of the pool rise with that; \"%s -m pip install google-crc32c\" mends it",
		peer.Python(), peer.Python())
}
