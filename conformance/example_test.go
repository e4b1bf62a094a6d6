package conformance_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// basicFramer is somebody's framer for the basic framing, which forgets to look at the limit.
type basicFramer struct {
	rw         io.ReadWriter
	maxPayload int
}

func (f *basicFramer) ReadFrame() (conformance.Frame, error) {
	var header [4]byte
	if _, err := io.ReadFull(f.rw, header[:]); err != nil {
		return conformance.Frame{}, kindOfEnd(err)
	}
	payload, err := io.ReadAll(io.LimitReader(f.rw, int64(binary.BigEndian.Uint32(header[:]))))
	if err == nil && len(payload) < int(binary.BigEndian.Uint32(header[:])) {
		err = conformance.Truncated
	}
	return conformance.Frame{Payload: payload}, err
}

func (f *basicFramer) WriteFrame(_ uint64, payload []byte) error {
	if len(payload) > f.maxPayload {
		return conformance.TooLarge
	}
	_, err := f.rw.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...))
	return err
}

func kindOfEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return conformance.Truncated
	}
	return err
}

// A framer under test: the report says which clause does not hold. In a test, use TestFramer in the same way.
func ExampleCheckFramer() {
	open := func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
		return &basicFramer{rw: rw, maxPayload: o.MaxPayload}
	}
	report := conformance.CheckFramer(context.Background(), open,
		conformance.Framings(conformance.Basic), conformance.Only("FRM-4/id-reads-as-0", "FRM-8/limit-*"))
	for _, clause := range report.ByClause() {
		if clause.Cases > 0 {
			fmt.Println(clause.Name, clause.Status)
		}
	}
	// Output:
	// FRM-4 pass
	// FRM-8 fail
}

// A worker under test is started by its command. This is the bundled one.
func ExampleCheckWorker() {
	worker := conformance.Command("python3", "../pyworker/conformance_worker.py")
	report := conformance.CheckWorker(context.Background(), worker, conformance.Only("CAN-6", "WRK-10"))
	for _, clause := range report.ByClause() {
		if clause.Cases > 0 {
			fmt.Println(clause.Name, clause.Status)
		}
	}
	// Output:
	// WRK-10 pass
	// CAN-6 pass
}

// refPool adapts ref/pool: it translates the options, the errors and Health.
type refPool struct{ *pool.Pool }

func (p refPool) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	answer, err := p.Pool.Call(ctx, method, body)
	if errors.Is(err, pool.ErrClosed) {
		err = errors.Join(err, conformance.Closed)
	}
	return answer, err
}

func (p refPool) Health() conformance.Health {
	h := p.Pool.Health()
	return conformance.Health{Total: h.Total, Healthy: h.Healthy, Restarts: h.Restarts, LastCheck: h.LastCheck}
}

// A pool under test starts the suite's own workers, and the cases say what they do.
func ExampleCheckPool() {
	open := func(o conformance.PoolOptions) (conformance.Pool, error) {
		framing := frame.Enhanced
		if o.Framing == conformance.Basic {
			framing = frame.Basic
		}
		p, err := pool.NewPool(pool.PoolOptions{
			Command: []string{o.Program, o.Argument}, Env: o.Env, SocketDir: o.SocketDir, Framing: framing,
			Workers: o.Workers, MaxInFlight: o.MaxInFlight, Queue: o.Queue, MaxPayload: o.MaxPayload,
			StartTimeout: o.StartTimeout, StopTimeout: o.StopTimeout,
			HealthInterval: o.HealthInterval, HealthTimeout: o.HealthTimeout,
			RestartMin: o.RestartBackoff, RestartMax: o.RestartBackoffMax,
		})
		return refPool{p}, err
	}
	report := conformance.CheckPool(context.Background(), open, conformance.Only("SEL-1", "SHD-1"))
	for _, clause := range report.ByClause() {
		if clause.Cases > 0 {
			fmt.Println(clause.Name, clause.Status)
		}
	}
	// Output:
	// SEL-1 pass
	// SHD-1 pass
}
