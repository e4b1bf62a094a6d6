package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// MeasuredFramer is a process of a framer's program that writes or reads frames in a loop and times itself.
type MeasuredFramer struct {
	adapter *Adapter
	process *process
}

// MeasuredFramer starts a process for measuring. Close it.
func (a *Adapter) MeasuredFramer(ctx context.Context) (*MeasuredFramer, error) {
	p, err := a.launchToMeasure(ctx, spec.RoleFramer)
	if err != nil {
		return nil, err
	}
	return &MeasuredFramer{a, p}, nil
}

// Measure has the process write (what is "encode") or read ("decode") so many frames with payloads of size bytes, and
// returns the time that it says this took. If it does not answer measure, the error wraps [conformance.Unsupported].
func (f *MeasuredFramer) Measure(ctx context.Context, what string, framing conformance.Framing, size, count int) (time.Duration, error) {
	took, _, err := f.adapter.measure(ctx, f.process, request{What: what, Framing: framing, Size: &size, Count: count})
	return took, err
}

// Close ends the process.
func (f *MeasuredFramer) Close() error {
	f.process.end()
	return nil
}

// MeasuredPool is a pool in a process of its own, which makes calls in a loop and times itself.
type MeasuredPool struct{ *remotePool }

// MeasuredPool makes a pool in a new process, for measuring. Close it after Shutdown.
func (a *Adapter) MeasuredPool(ctx context.Context, o conformance.PoolOptions) (*MeasuredPool, error) {
	p, err := a.launchToMeasure(ctx, spec.RolePool)
	if err != nil {
		return nil, err
	}
	made, err := a.openIn(p, o)
	if err != nil {
		return nil, err
	}
	return &MeasuredPool{made.(*remotePool)}, nil
}

// Measure has the process make so many calls from so many callers at once, and returns the time that it says all of them
// took, and for a lone caller the time of each. If it does not answer measure, the error wraps [conformance.Unsupported].
func (p *MeasuredPool) Measure(ctx context.Context, count, callers int, method string, body json.RawMessage) (took time.Duration, each []time.Duration, err error) {
	return p.adapter.measure(ctx, p.process, request{What: doCall, Method: &method, Body: string(body), Count: count, Callers: callers})
}

// Close ends the process.
func (p *MeasuredPool) Close() error {
	p.leave()
	p.process.end()
	return nil
}

// Measures returns an error that wraps [conformance.Unsupported] if the program does not answer measure.
func (a *Adapter) Measures(ctx context.Context) error {
	p, err := a.launchToMeasure(ctx, a.role)
	if err != nil {
		return err
	}
	defer p.end()
	r := request{What: "encode", Framing: conformance.Enhanced, Size: new(int), Count: 1}
	if a.role == spec.RolePool { // one that knows the command says that no pool is open
		method := "echo"
		r = request{What: doCall, Method: &method, Body: "null", Count: 1, Callers: 1}
	}
	_, _, err = a.measure(ctx, p, r)
	if errors.Is(err, errRefused) {
		return err
	}
	return nil // what else is wrong shows where it is measured
}

// errRefused is in the error of a program that does not know measure.
var errRefused = fmt.Errorf("%w: the adapter does not answer %q, by which it would loop and time itself (see pyproctest adapters)", conformance.Unsupported, doMeasure)

// launchToMeasure starts a process that nothing else uses. It runs on the cores on which this process may run now.
func (a *Adapter) launchToMeasure(ctx context.Context, role spec.Role) (*process, error) {
	if a.role != role {
		return nil, fmt.Errorf("%w: the adapter is one of a %s", conformance.Unsupported, a.role)
	}
	return a.launch(ctx)
}

// measure asks for a measurement and judges the answer. What cannot have been measured is a fault of the adapter: a process
// cannot have worked for longer than the answer took to come.
func (a *Adapter) measure(ctx context.Context, p *process, r request) (took time.Duration, each []time.Duration, err error) {
	began := time.Now()
	got, err := p.ask(ctx, doMeasure, r)
	elapsed := time.Since(began)
	switch {
	case ctx.Err() != nil:
		return 0, nil, context.Cause(ctx)
	case err != nil:
		return 0, nil, a.judge(p, err)
	case got.Refused != nil:
		return 0, nil, fmt.Errorf("%w: it refused it with %q", errRefused, *got.Refused)
	case got.Unsupported != nil || got.Failed != nil:
		return 0, nil, got.declined(doMeasure)
	case got.Error != nil:
		return 0, nil, fmt.Errorf("a call failed while it was measured: %s", got.Error.Text)
	}
	wrong := func(format string, args ...any) error {
		return &Fault{Command: a.command.String(), Problem: fmt.Sprintf("answered %s with %s: %s", doMeasure, quote(got.line), fmt.Sprintf(format, args...)), Stderr: p.stderr.String()}
	}
	if got.Took == nil {
		return 0, nil, wrong("took_ns, the time that it took, is missing")
	}
	took = time.Duration(*got.Took)
	var sum time.Duration
	for _, ns := range got.Each {
		each = append(each, time.Duration(ns))
		sum += time.Duration(ns)
	}
	switch {
	case took <= 0:
		return 0, nil, wrong("%d frames or calls take some time", r.Count)
	case took > elapsed:
		return 0, nil, wrong("it says %v, and the answer was there after %v", took, elapsed)
	case r.Callers == 1 && len(each) != r.Count:
		return 0, nil, wrong("each_ns has %d times of %d calls of a lone caller", len(each), r.Count)
	case r.Callers != 1 && len(each) > 0:
		return 0, nil, wrong("each_ns is for a lone caller")
	case sum > took:
		return 0, nil, wrong("the calls took %v one after the other, and all together %v", sum, took)
	}
	return took, each, nil
}
