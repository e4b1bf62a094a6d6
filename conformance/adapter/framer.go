package adapter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

// remoteFramer is a framer in the program. The program keeps nothing between requests: each request holds everything that
// the framer has read or written so far.
type remoteFramer struct {
	adapter *Adapter
	rw      io.ReadWriter
	options conformance.FramerOptions
	ctx     context.Context
	cancel  context.CancelFunc
	call    call

	reading sync.Mutex
	stream  *incoming
	reads   []outcome // of the stream so far
	next    int       // index of the next one to return

	writing sync.Mutex
	frames  []frame // written so far
	passed  int     // how many bytes were passed on to the stream, up to the write that failed
	failed  bool    // the stream failed a write
	failure error   // of the stream, when it failed
	after   int     // how many writes after that one were passed on to the stream
}

var _ framer.Remote = (*remoteFramer)(nil)

func (a *Adapter) openFramer(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
	f := &remoteFramer{adapter: a, rw: rw, options: o}
	f.call.memory = a.memory
	f.ctx, f.cancel = context.WithCancel(a.ctx)
	return f
}

func (f *remoteFramer) Moves() int64 { return f.call.Moves() }

func (f *remoteFramer) PID() int { return f.call.pid() }

func (f *remoteFramer) Retry() bool { return f.call.retry() }

func (f *remoteFramer) Close() error {
	f.cancel()
	return nil
}

// ReadFrame returns what the program reads from the stream. A stream whose script is known is read in one request. Any
// other stream is read piece by piece, each time from its beginning.
func (f *remoteFramer) ReadFrame() (conformance.Frame, error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.stream == nil {
		f.stream = newIncoming(f.rw)
	}
	for {
		switch {
		case f.next < len(f.reads) && f.reads[f.next].Kind != kindWaiting:
			f.next++
			return f.stream.frame(f.reads[f.next-1])
		case f.next < len(f.reads):
			if err := f.stream.more(); err != nil {
				return conformance.Frame{}, err
			}
		case len(f.reads) >= mostReads:
			return conformance.Frame{}, fmt.Errorf("%w: an adapter makes at most %d reads from one stream", suite.Unreachable, mostReads)
		case len(f.reads) > 0:
			f.stream.again += moreReads
		}
		if err := f.read(f.adapter.ask); err != nil {
			return conformance.Frame{}, err
		}
	}
}

// read makes the program read the stream from its beginning.
func (f *remoteFramer) read(ask asker) error {
	r := f.request()
	f.stream.describe(&r)
	a, err := ask(f.ctx, &f.call, doDecode, r)
	if err != nil {
		return err
	}
	reads, err := readsOf(a, r.Then, r.Again)
	if err != nil {
		return f.adapter.judgeAnswer(err)
	}
	f.reads = reads
	return nil
}

// ReadAlone implements [framer.Remote].
func (f *remoteFramer) ReadAlone(look func(pid int)) (waits bool, err error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.stream = newIncoming(f.rw)
	err = f.read(func(ctx context.Context, c *call, do string, r request) (answer, error) {
		return f.adapter.askNew(ctx, c, do, r, look)
	})
	if err != nil {
		return false, err
	}
	return f.reads[len(f.reads)-1].Kind == kindWaiting, nil
}

// WriteFrame makes the program write all frames so far, and passes on to the stream what this one adds.
func (f *remoteFramer) WriteFrame(requestID uint64, payload []byte) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.frames = append(f.frames, frame{id(requestID), slices.Clone(payload)})
	results, err := f.write(f.frames, 0)
	if err != nil {
		return err
	}
	return results[len(results)-1]
}

// WriteTogether implements [framer.Remote]. The lists have the same length.
func (f *remoteFramer) WriteTogether(lists [][]conformance.Frame) ([][]error, error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	for i := range lists[0] {
		for _, list := range lists {
			f.frames = append(f.frames, frame{id(list[i].ID), list[i].Payload})
		}
	}
	results, err := f.write(f.frames, len(lists))
	if err != nil {
		return nil, err
	}
	dealt := make([][]error, len(lists))
	for i, result := range results {
		dealt[i%len(lists)] = append(dealt[i%len(lists)], result)
	}
	return dealt, nil
}

// write makes the program write the frames, and passes on to the stream what is new.
func (f *remoteFramer) write(frames []frame, writers int) (results []error, err error) {
	r := f.request()
	r.Frames, r.Writers = frames, writers
	if s, ok := f.rw.(framer.Scripted); ok && s.Script().Accept > 0 {
		accept := s.Script().Accept
		r.Accept = &accept
	}
	a, err := f.adapter.ask(f.ctx, &f.call, doEncode, r)
	if err != nil {
		return nil, err
	}
	writes, outcomes, err := writtenOf(a, len(frames))
	if err != nil {
		return nil, f.adapter.judgeAnswer(err)
	}
	f.pass(writes, r.Accept)
	for _, o := range outcomes {
		results = append(results, o.err(cmp.Or(f.failure, errStreamFailed)))
	}
	return results, nil
}

// pass passes on to the stream what is new in the writes. The program writes all frames again each time and may cut them
// differently, so pass counts bytes. After the write that the stream fails, it counts writes.
func (f *remoteFramer) pass(writes []hexDigits, accept *int) {
	given, after := 0, 0
	for _, w := range writes {
		switch start := given; {
		case accept != nil && start > *accept:
			if after++; after > f.after {
				f.after = after
				_, _ = f.rw.Write(w)
			}
		case accept != nil && start+len(w) > *accept:
			given = start + len(w)
			if !f.failed {
				_, f.failure = f.rw.Write(w[max(0, f.passed-start):]) // the program has seen an error of its own
				f.failed, f.passed = true, *accept
			}
		default:
			if given = start + len(w); given > f.passed {
				_, _ = f.rw.Write(w[max(0, f.passed-start):])
				f.passed = given
			}
		}
	}
}

var errStreamFailed = errors.New("the stream failed")

func (f *remoteFramer) request() request {
	return request{Framing: f.options.Framing, MaxPayload: f.options.MaxPayload}
}

// err returns the error that an outcome means. streamError is the error of the stream.
func (o outcome) err(streamError error) error {
	var err error
	switch o.Kind {
	case kindOK, kindFrame:
		return nil
	case kindEOF:
		return io.EOF
	case kindIO:
		err = streamError
	case kindOther:
		return errors.New(o.Text)
	default:
		err = conformance.ErrorKind(o.Kind)
	}
	if o.Text != "" {
		err = fmt.Errorf("%w: %s", err, o.Text)
	}
	return err
}
