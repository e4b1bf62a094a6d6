package fuzz

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// parsers read messages as ref/message does.
type parsers struct {
	request      func([]byte) (message.Request, error)
	response     func([]byte) (message.Response, error)
	cancellation func([]byte) (message.Cancellation, error)
	check        func([]byte) error // whether it is JSON in UTF-8
}

var reference = parsers{
	request: message.ParseRequest, response: message.ParseResponse, cancellation: message.ParseCancellation,
	check: func(payload []byte) error { return message.Check(payload) },
}

// checkMessage reads one payload as a worker and as a pool would, and compares with what the suite says
// of it, and with whether Python takes it for JSON in UTF-8, unless p is nil.
func checkMessage(read parsers, payload []byte, p *python) error {
	for _, sender := range []spec.Role{spec.RolePool, spec.RoleWorker} {
		got, err := readAs(read, sender, payload)
		if err != nil {
			return fmt.Errorf("%q: %w", payload, err)
		}
		want, open, err := suiteReads(sender, payload)
		if err != nil {
			return fmt.Errorf("%q: %w", payload, err)
		}
		if !open && got != want {
			return fmt.Errorf("%q from a %s is read as %s, and by the suite as %s", payload, sender, got, want)
		}
	}
	if p == nil || len(payload) == 0 || beyondPython(payload) {
		return nil
	}
	reason, err := p.malformed(payload)
	if err != nil {
		return err
	}
	if err := read.check(payload); (err == nil) != (reason == "") {
		return fmt.Errorf("%q: ref/message says %v, pyworker says %q", payload, err, reason)
	}
	return nil
}

const unreadable = "unreadable"

// readAs says in a few words what a receiver takes a message for, and reads it once more after it was
// written again.
func readAs(read parsers, sender spec.Role, payload []byte) (string, error) {
	if sender == spec.RoleWorker {
		r, err := read.response(payload)
		if err != nil {
			return unreadable, nil
		}
		again := message.AppendErrorResponse(nil, r.ID, r.Error)
		if r.OK {
			again = message.AppendResponse(nil, r.ID, r.Body)
		}
		b, err := read.response(again)
		if err != nil || b.ID != r.ID || b.OK != r.OK || b.Error != r.Error || string(b.Body) != string(r.Body) {
			return "", fmt.Errorf("%+v, written and read again, is %+v, %w", r, b, err)
		}
		if r.OK {
			return fmt.Sprintf("answer %d, ok", r.ID), nil
		}
		return fmt.Sprintf("answer %d, error", r.ID), nil
	}
	r, err := read.request(payload)
	if err == nil {
		b, err := read.request(message.AppendRequest(nil, r.ID, r.Method, r.Body))
		if err != nil || b.ID != r.ID || b.Method != r.Method || string(b.Body) != string(r.Body) {
			return "", fmt.Errorf("%+v, written and read again, is %+v, %w", r, b, err)
		}
		return fmt.Sprintf("request %d", r.ID), nil
	}
	if c, failed := read.cancellation(payload); errors.Is(err, message.ErrType) && failed == nil {
		return fmt.Sprintf("cancellation of %d", c.ID), nil
	}
	return unreadable, nil
}

var (
	suiteSays = regexp.MustCompile(`^(request \d+|cancellation of \d+|answer \d+, (ok|error))`)
	oddReason = regexp.MustCompile(`"reason"|\\u`)
)

// suiteReads is what the suite says of a message, in the same words. What SPEC.md leaves open is open.
func suiteReads(sender spec.Role, payload []byte) (says string, open bool, err error) {
	i, err := inspect.NewStream(inspect.Options{Framing: conformance.Basic, Sender: sender, MaxPayload: max(1, len(payload))})
	if err != nil {
		return "", false, err
	}
	frames := i.Write(appendFrame(nil, frame.Basic, frame.Frame{Payload: payload}))
	if len(frames) != 1 || !frames[0].Whole {
		return "", false, fmt.Errorf("one frame was written, and the suite sees %+v", frames)
	}
	f := frames[0]
	says = suiteSays.FindString(f.Message)
	for _, v := range f.Violations {
		switch {
		case v.Clause == "RID-1": // binds the sender: an ID of 0 is readable [E12]
		case strings.HasPrefix(v.Want, "a body"): // and so is an answer without a body [MSG-15]
		default:
			return unreadable, false, nil
		}
	}
	if says == "" {
		return unreadable, strings.Contains(f.Message, "not judged"), nil
	}
	// A reason that is no string is neither allowed nor refused anywhere.
	open = strings.HasPrefix(says, "cancellation") && oddReason.Match(payload)
	return says, open, nil
}

// beyondPython reports what its json refuses though it is JSON: what is nested deeper than [MSG-9] asks
// for, and integers of thousands of digits.
func beyondPython(payload []byte) bool {
	depth, digits := 0, 0
	for _, c := range payload {
		switch {
		case c == '[' || c == '{':
			depth++ // never less: a bound is enough
		case '0' <= c && c <= '9':
			if digits++; digits > 4000 {
				return true
			}
			continue
		}
		digits = 0
	}
	return depth > 100
}
