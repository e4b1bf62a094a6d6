package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// link connects the pool to one worker process.
type link interface {
	// call sends a request and waits for its answer. The request's slot is freed exactly once: before call returns,
	// or, if the call was cancelled, when the cancellation has gone out [BPR-4]. The error is errUnsent if nothing was
	// sent.
	call(context.Context, *pendingCall) (message.Response, error)

	// start takes the request of a call whose caller still waits for its slot, if that needs nothing to be waited for
	// and the connection is in use already. flush follows soon, and call when the caller is woken.
	start(*pendingCall) bool

	// flush sends what start has taken.
	flush()

	// answers returns the number of answers so far. While it grows, the worker is not hung.
	answers() uint64

	// isDown reports whether the link takes no more calls.
	isDown() bool

	// lost returns a channel that is closed when the link is down and all its calls have returned.
	lost() <-chan struct{}

	// failure returns the error that ended the link, after lost.
	failure() error

	// expire is called when the process has ended. The link delivers what the process has sent, and ends.
	expire()
}

// request is a call with its slot.
type request struct {
	id     uint64
	method string
	body   json.RawMessage
	slot   slot
}

// linkOwner is the worker that a link belongs to.
type linkOwner interface {
	// linkDown is called when the link takes no more calls, perhaps more than once, and perhaps when there is another
	// link already.
	linkDown(link)

	// callError returns the error for the calls on a connection that has ended with the given error. It may wait for
	// a moment, to find out whether the process has ended.
	callError(context.Context, error) error
}

var null = json.RawMessage("null")

// encodeBody returns the body of a request as JSON [MSG-17].
func encodeBody(body any) (json.RawMessage, error) {
	if raw, ok := body.(json.RawMessage); ok {
		if len(raw) == 0 {
			return null, nil
		}
		if err := message.Check(raw); err != nil {
			return nil, fmt.Errorf("the body is not JSON: %w", err)
		}
		return raw, nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("the body cannot be encoded: %w", err)
	}
	return raw, nil
}

// mayHaveRun adds ErrMayHaveRun to the error of a call, a part of whose request was sent.
func mayHaveRun(why error) error { return fmt.Errorf("%w: %w", ErrMayHaveRun, why) }

// violation is an answer that breaks the protocol. It ends its connection, as a framing error does [MSG-13] [RID-7].
type violation struct {
	reason string
	err    error
}

func (v *violation) Error() string {
	if v.err == nil {
		return v.reason
	}
	return v.reason + ": " + v.err.Error()
}

func (v *violation) Unwrap() error { return v.err }

// readAnswer reads the next answer. Its body is a copy.
func readAnswer(frames *frame.Reader, framing frame.Framing) (message.Response, error) {
	f, err := frames.ReadFrame()
	if err != nil {
		return message.Response{}, err
	}
	answer, err := message.ParseResponse(f.Payload)
	if err != nil {
		return message.Response{}, &violation{"the worker sent an answer that cannot be read", err}
	}
	if framing == frame.Enhanced && answer.ID != f.RequestID {
		return message.Response{}, &violation{reason: fmt.Sprintf(
			"the worker sent an answer with ID %d under a header with ID %d", answer.ID, f.RequestID)}
	}
	answer.Body = bytes.Clone(answer.Body) // the payload is in the reader's buffer
	return answer, nil
}

// isCausedByDeath reports whether the death of the worker may have caused err, so that its process may end soon.
func isCausedByDeath(err error) bool {
	for _, kind := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, frame.ErrTruncated, net.ErrClosed,
		os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// contextError returns the error of a context that has ended, with its cause if that is another.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// appendCancellation appends the frame of a cancellation. A reason that does not fit is omitted [CAN-9]. If the frame
// does not fit even so, nothing is appended [FRM-12].
func appendCancellation(b []byte, framing frame.Framing, id uint64, reason string, maxPayload int) []byte {
	start := len(b)
	for _, reason := range []string{reason, ""} {
		b = frame.BeginFrame(b, framing)
		b = message.AppendCancellation(b, id, reason)
		if frame.CheckPayload(len(b)-start-framing.HeaderSize(), maxPayload) == nil {
			frame.EndFrame(b, start, framing, id)
			return b
		}
		b = b[:start]
	}
	return b
}
