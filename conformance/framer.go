package conformance

import (
	"context"
	"io"
	"testing"
)

// Framer is what the suite asks of a framer over one stream.
type Framer interface {
	// ReadFrame returns the next frame. It returns io.EOF at a clean end, and for a framing error one
	// that errors.Is finds BadMagic, BadLength, TooLarge, Truncated or BadCRC in. The payload need
	// only be valid until the next read.
	ReadFrame() (Frame, error)
	// WriteFrame writes one frame; in the basic framing the ID plays no part. It refuses a payload
	// over the limit with an error in which errors.Is finds TooLarge. Many goroutines may call it.
	WriteFrame(id uint64, payload []byte) error
}

// FramerOptions say what kind of framer a case needs.
type FramerOptions struct {
	Framing    Framing
	MaxPayload int // in bytes; 0 asks for the implementation's default [FRM-13]
}

// OpenFramer makes the framer under test over a stream.
type OpenFramer func(rw io.ReadWriter, o FramerOptions) Framer

// TestFramer runs every case for framers.
func TestFramer(t *testing.T, open func(rw io.ReadWriter, o FramerOptions) Framer, opts ...Option) {
	t.Helper()
	o := newOptions(opts)
	runAll(t, RoleFramer, o, framerJobs(open, o), nil)
}

// CheckFramer runs the same cases without a testing.T.
func CheckFramer(ctx context.Context, open func(rw io.ReadWriter, o FramerOptions) Framer, opts ...Option) Report {
	o := newOptions(opts)
	return check(ctx, RoleFramer, o, framerJobs(open, o), nil)
}

func framerJobs(open OpenFramer, o *options) []job {
	var all []job
	for _, c := range framerCases() {
		all = append(all, jobs(c.Case, o, func(t *T) { c.run(&framerT{T: t, open: open}) })...)
	}
	return all
}

// framerT is a case's view of the framer under test.
type framerT struct {
	*T
	open OpenFramer
}

type framerCase struct {
	Case
	run func(*framerT)
}

func framerCases() []framerCase { return nil }
