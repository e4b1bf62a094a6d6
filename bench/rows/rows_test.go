package rows

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// framer is the reference, with what a test changes.
type framer struct {
	*frame.Framer
	write []byte        // bytes that go out for each frame, in place of the right ones
	read  func(*[]byte) // changes a payload
	out   io.Writer
}

func (f *framer) ReadFrame() (conformance.Frame, error) {
	got, err := f.Framer.ReadFrame()
	if f.read != nil {
		f.read(&got.Payload)
	}
	return conformance.Frame{ID: got.RequestID, Payload: got.Payload}, err
}

func (f *framer) WriteFrame(id uint64, payload []byte) error {
	if f.write != nil {
		_, err := f.out.Write(f.write)
		return err
	}
	return f.Framer.WriteFrame(id, payload)
}

func opening(t *testing.T, changed framer) OpenFramer {
	return func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
		f := changed
		var err error
		f.Framer, err = frame.NewFramer(rw, frame.Options{Framing: framingOf(o.Framing)})
		require.NoError(t, err)
		f.out = rw
		return &f
	}
}

// once measures a row with as few turns as there can be.
func once(t *testing.T, row Row) (map[string]float64, error) {
	t.Helper()
	row.Placement = Unpinned
	shelf := NewShelf(nil)
	defer func() { require.NoError(t, shelf.Close()) }()
	metrics, err := row.Measure(t.Context(), shelf, func() bool { return false })
	values := map[string]float64{}
	for _, m := range metrics {
		values[m.Unit] = m.Value
	}
	return values, err
}

func TestEachRowOfAFramerHasItsRatioAndItsAllocations(t *testing.T) {
	for _, row := range Framer("yours", opening(t, framer{}), nil, Quick) {
		values, err := once(t, row)
		require.NoError(t, err, row)
		require.Positive(t, values["x-floor"], row)
		require.Contains(t, values, "allocs/op", row)
	}
}

func TestAFramerIsMeasuredInTheFramingsThatItHas(t *testing.T) {
	for _, row := range Framer("yours", nil, []conformance.Framing{conformance.Basic}, Full) {
		require.Contains(t, row.Keys, "framing=basic")
	}
}

func TestAFramerThatIsNotRightGetsNoFigures(t *testing.T) {
	for name, changed := range map[string]framer{
		"written with other bytes than it has":         {write: []byte("PY")},
		"another frame was read than is on the stream": {read: func(p *[]byte) { *p = (*p)[1:] }},
	} {
		var failed error
		for _, row := range Framer("yours", opening(t, changed), nil, Quick) {
			_, err := once(t, row)
			failed = errors.Join(failed, err)
		}
		require.ErrorContains(t, failed, name)
	}
}

// timedFramer says how long it took, and what it was asked.
type timedFramer struct{ asked []string }

func (f *timedFramer) Measure(_ context.Context, op string, framing conformance.Framing, _, n int) (time.Duration, error) {
	f.asked = append(f.asked, op+" "+string(framing))
	if framing == conformance.Basic {
		return 0, conformance.Unsupported
	}
	return time.Duration(n) * time.Microsecond, nil
}

func (f *timedFramer) Close() error { return nil }

func TestAFramerOfAnotherProgramTimesItself(t *testing.T) {
	f := &timedFramer{}
	rows := RemoteFramer("yours", func(context.Context) (TimedFramer, error) { return f, nil }, Quick)
	values, err := once(t, rows[0])
	require.NoError(t, err)
	require.Equal(t, 1000.0, values["ns/op"])
	require.NotContains(t, values, "allocs/op", "those of this process say nothing of another")
	require.Equal(t, "encode enhanced", f.asked[0])
	for _, row := range rows {
		if _, err := once(t, row); err != nil {
			require.ErrorIs(t, err, conformance.Unsupported)
			require.Contains(t, row.Keys, "framing=basic")
		}
	}
}

func TestEachExtentHasTheRowsOfTheOneBefore(t *testing.T) {
	names := func(rows []Row) (all []string) {
		for _, row := range rows {
			all = append(all, row.String())
		}
		return all
	}
	for _, of := range []func(Extent) []Row{
		func(e Extent) []Row { return Framer("yours", nil, nil, e) },
		func(e Extent) []Row { return Worker("yours", conformance.Command("worker"), e) },
		func(e Extent) []Row { return Pool("yours", nil, e) },
	} {
		require.Subset(t, names(of(Normal)), names(of(Quick)))
		require.Subset(t, names(of(Full)), names(of(Normal)))
	}
}

func TestAnEchoThatIsNoneGetsNoFigures(t *testing.T) {
	for answer, problem := range map[string]string{`"xy"`: "echo gave", "": "echo gave"} {
		p := &started{call: func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(answer), nil
		}}
		require.ErrorContains(t, p.echo(t.Context(), json.RawMessage(`"xx"`), true), problem)
	}
	p := &started{call: func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		return nil, errors.New("gone")
	}}
	require.ErrorContains(t, p.side(t.Context(), 4, stringBody(64)).Run(10, nil), "a call of echo failed: gone")
}

// The calls of a pool that hangs do not listen to a context, so the pool is shut down.
func TestCallsThatHangAreEndedWithTheirPool(t *testing.T) {
	stop := errors.New("the person wants it to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := make(chan struct{})
	first := true
	start := func(context.Context, *Shelf, conformance.Framing, int) (*started, error) {
		return &started{
			call: func(_ context.Context, _ string, body json.RawMessage) (json.RawMessage, error) {
				if first { // before the clock runs
					first = false
					return body, nil
				}
				cancel(stop)
				<-gone
				return nil, errors.New("the pool is closed")
			},
			abort: func() { close(gone) },
			stop:  func() error { return nil },
		}, nil
	}
	shelf := NewShelf(nil)
	defer func() { require.NoError(t, shelf.Close()) }()
	_, err := callsRow("yours", start, Unpinned, conformance.Enhanced, 1, bodySizes[0], 1).Measure(ctx, shelf, func() bool { return true })
	require.ErrorIs(t, err, stop)
}

// A pool that has lost a call would keep a row that waits for it for ever.
func TestAPoolThatAnswersNoCallIsShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan struct{})
		start := func(context.Context, *Shelf, conformance.Framing, int) (*started, error) {
			return &started{
				call: func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
					<-gone // whatever becomes of its context
					return nil, errors.New("the pool is closed")
				},
				abort: func() { close(gone) },
				stop:  func() error { return nil },
			}, nil
		}
		shelf := NewShelf(nil)
		began := time.Now()
		_, err := Own("Load", "yours", "rate=closed", start, func(ctx context.Context, p Running, _ func() bool) ([]turns.Metric, error) {
			_, err := p.Call(ctx, "echo", nil)
			require.ErrorContains(t, err, "the pool is closed")
			return nil, context.Cause(ctx)
		}).Measure(t.Context(), shelf, func() bool { return true })
		require.ErrorIs(t, err, errNoneEnds)
		require.Equal(t, 2*hung, time.Since(began))
		require.NoError(t, shelf.Close())
	})
}

// Each call may take its time, as long as one ends now and then.
func TestAPoolOfSlowCallsIsNotShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := func(context.Context, *Shelf, conformance.Framing, int) (*started, error) {
			return &started{
				call: func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
					time.Sleep(hung)
					return nil, ctx.Err()
				},
				abort: func() { t.Error("it was shut down") },
				stop:  func() error { return nil },
			}, nil
		}
		shelf := NewShelf(nil)
		_, err := Own("Load", "yours", "rate=closed", start, func(ctx context.Context, p Running, _ func() bool) ([]turns.Metric, error) {
			for range 10 {
				if _, err := p.Call(ctx, "sleep", nil); err != nil {
					return nil, err
				}
			}
			return nil, context.Cause(ctx)
		}).Measure(t.Context(), shelf, func() bool { return true })
		require.NoError(t, err)
		require.NoError(t, shelf.Close())
	})
}

func TestAShelfClosesWhatAGroupHasOpenedInReverse(t *testing.T) {
	shelf := NewShelf(nil)
	var closed []string
	open := func(name string) {
		_, err := on(shelf, name, func() (string, func() error, error) {
			return name, func() error { closed = append(closed, name); return nil }, nil
		})
		require.NoError(t, err)
	}
	require.NoError(t, shelf.Enter("a"))
	open("loop")
	open("pool")
	open("pool")
	require.NoError(t, shelf.Enter("a"))
	require.Empty(t, closed)
	require.NoError(t, shelf.Enter("b"))
	require.Equal(t, []string{"pool", "loop"}, closed)
	open("loop")
	require.NoError(t, shelf.Close())
	require.Equal(t, []string{"pool", "loop", "loop"}, closed)
}

func TestARowThatIsInterruptedSaysWhy(t *testing.T) {
	stop := errors.New("the person wants it to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	row := Row{Benchmark: "Calls", Keys: "side=yours", sides: func(ctx context.Context, _ *Shelf) (floor, subject turns.Side, err error) {
		floor.Clock = timesOf(func() (time.Duration, error) { return time.Millisecond, nil })
		subject.Clock = timesOf(func() (time.Duration, error) { cancel(stop); return 0, ctx.Err() })
		return floor, subject, nil
	}}
	_, err := row.Measure(ctx, NewShelf(nil), func() bool { return true })
	require.ErrorIs(t, err, stop)
	require.ErrorContains(t, err, "Calls/side=yours")
}

func TestASlowWorkerIsTold(t *testing.T) {
	require.Empty(t, SlowWorker("google_crc32c"))
	require.Contains(t, SlowWorker("zlib"), "pip install google-crc32c")
}
