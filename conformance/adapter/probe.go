package adapter

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// protocolVersion is the version of the requests in ADAPTERS.md.
const protocolVersion = 1

// unknownCommand is a command that no adapter knows.
const unknownCommand = "no-such-command"

// launch starts a process and checks that it is an adapter. The error is a *Fault.
func (a *Adapter) launch(ctx context.Context) (*process, error) {
	if err := ctx.Err(); err != nil {
		return nil, a.fault(nil, "was not started: the run is over", context.Cause(ctx))
	}
	p, err := start(a.command, a.stderr)
	if err != nil {
		problem := fmt.Sprintf("cannot be started: %v", err)
		if errors.Is(err, exec.ErrNotFound) {
			problem += "; give an absolute path if it is not on the PATH"
		}
		return nil, a.fault(nil, problem, err)
	}
	if !a.keep(p) {
		p.kill()
		<-p.over
		return nil, a.fault(nil, "was not started: the run is over", context.Canceled)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, errTimeout)
	defer cancel()
	if err := a.probe(ctx, p); err != nil {
		p.kill()
		<-p.over
		var fault *Fault
		if !errors.As(err, &fault) {
			return nil, a.fault(p, err.Error(), err)
		}
		return nil, a.fault(p, fault.Problem, fault.Err)
	}
	return p, nil
}

var errTimeout = errors.New("it took too long")

// probe checks that the process does what every adapter must do.
func (a *Adapter) probe(ctx context.Context, p *process) error {
	hello, err := a.try(ctx, p, doHello, request{Version: protocolVersion, Role: a.role})
	switch {
	case err != nil:
		return err
	case hello.Refused != nil:
		return fmt.Errorf("refused %s for the role %s: %s", doHello, a.role, *hello.Refused)
	case hello.Role == nil || *hello.Role != a.role:
		return fmt.Errorf("is not one for a %s: it answered %s with %s", a.role, doHello, quote(hello.line))
	}
	a.setName(hello.Name)
	unknown, err := a.try(ctx, p, unknownCommand, request{})
	switch {
	case err != nil:
		return err
	case unknown.Refused == nil:
		return fmt.Errorf(`answered a command that does not exist with %s, and not with {"refused": "…"}: so none of its answers proves anything`, quote(unknown.line))
	}
	if a.role != spec.RoleFramer {
		return nil
	}
	return a.probeFramer(ctx, p)
}

// probeFramer checks that the process answers decode and encode at all. Whether the answers are right is for the cases.
func (a *Adapter) probeFramer(ctx context.Context, p *process) error {
	decoded, err := a.try(ctx, p, doDecode, request{Framing: conformance.Enhanced, Chunks: chunks{}, Then: thenEOF})
	if err == nil {
		err = undone(doDecode, decoded)
	}
	if err == nil {
		_, err = readsOf(decoded, thenEOF, 0)
	}
	if err != nil && !errors.Is(err, conformance.Unsupported) {
		return err
	}
	encoded, err := a.try(ctx, p, doEncode, request{Framing: conformance.Enhanced, Frames: []frame{{ID: 1}}})
	if err == nil {
		err = undone(doEncode, encoded)
	}
	if err == nil {
		_, _, err = writtenOf(encoded, 1)
	}
	if err != nil && !errors.Is(err, conformance.Unsupported) {
		return err
	}
	return nil
}

// undone returns an error if the program did not do what every adapter of its role does.
func undone(do string, a answer) error {
	switch {
	case a.Refused != nil:
		return fmt.Errorf("refused %s: %s", do, *a.Refused)
	case a.Failed != nil:
		return fmt.Errorf("failed at %s: %s", do, *a.Failed)
	}
	return nil
}

// try sends a request. If no answer comes, its error names the request.
func (a *Adapter) try(ctx context.Context, p *process, do string, r request) (answer, error) {
	got, err := p.ask(ctx, do, r)
	if ended := (*exit)(nil); errors.As(err, &ended) {
		return got, &Fault{Problem: fmt.Sprintf("ended without an answer to %s: %s", do, ended.state), Err: ended}
	}
	if errors.Is(err, errTimeout) {
		return got, &Fault{Problem: fmt.Sprintf("has not answered %s within %v", do, a.timeout), Err: err}
	}
	return got, err
}
