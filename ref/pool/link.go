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

// link is the way to one worker process: one connection in the enhanced framing, several in the
// basic framing.
type link interface {
	// call sends a request and waits for its answer. It sees to it that the request's slot comes
	// back exactly once: when call returns or, of a call that was cancelled, as soon as the
	// cancellation has gone out [BPR-4]. The error is errUnsent where nothing was sent.
	call(context.Context, request) (message.Response, error)

	// answers is the number of answers so far, to see whether a worker gets on with its work.
	answers() uint64

	// isDown reports whether the link takes no calls any more.
	isDown() bool

	// lost is closed when the link is down and all its calls have returned.
	lost() <-chan struct{}

	// expire says that the process has ended: what it has sent is read, then the link is lost.
	expire()
}

// request is a call on its way.
type request struct {
	id     uint64
	method string
	body   json.RawMessage
	slot   slot
}

// linkOwner is what a link tells the worker that it belongs to.
type linkOwner interface {
	// linkDown says that the link takes no calls any more. It may be said more than once.
	linkDown()

	// whyLost turns the error that ended a connection into what its calls are told. It may wait a
	// moment, to see whether the process has ended.
	whyLost(context.Context, error) error
}

var null = json.RawMessage("null")

// encodeBody makes the body of a request. JSON that is ready is passed through as it is.
func encodeBody(body any) (json.RawMessage, error) {
	if raw, ok := body.(json.RawMessage); ok {
		if len(raw) == 0 {
			return null, nil
		}
		return raw, nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("pool: the body cannot be encoded: %w", err)
	}
	return raw, nil
}

// mayHaveRun marks the error of a call whose request went out, or began to.
func mayHaveRun(why error) error { return fmt.Errorf("%w: %w", ErrMayHaveRun, why) }

// violation is an answer that is final for its connection, as a framing error is [MSG-13] [RID-7].
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

// readAnswer reads the next answer. Its body stays valid.
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
	answer.Body = bytes.Clone(answer.Body) // the payload lies in the reader's buffer
	return answer, nil
}

// isGone reports whether err is of a kind that the death of the peer causes, so that it is worth
// waiting for the news.
func isGone(err error) bool {
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

// contextError is the error of a context that has ended, with its cause where that says more.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
