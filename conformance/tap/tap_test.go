package tap_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/conformance/tap"
	"github.com/pyproctest/pyproctest/ref/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must happen, for a machine under load.
const patience = 30 * time.Second

// line is a tap with a worker's socket behind it.
type line struct {
	options tap.Options
	worker  *net.UnixListener
	tap     *tap.Tap
	stop    context.CancelFunc
	served  chan struct{}
	summary tap.Summary

	mu      sync.Mutex
	events  []tap.Event
	changed chan struct{} // closed and replaced with each event
}

func newLine(t testing.TB, options tap.Options) *line {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := &line{options: options, served: make(chan struct{}), changed: make(chan struct{})}
	l.options.Listen, l.options.Upstream = filepath.Join(dir, "a"), filepath.Join(dir, "b")
	l.worker, err = net.ListenUnix("unix", &net.UnixAddr{Name: l.options.Upstream, Net: "unix"})
	require.NoError(t, err)
	l.options.OnEvent = func(e tap.Event) {
		if options.OnEvent != nil {
			options.OnEvent(e)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, e)
		close(l.changed)
		l.changed = make(chan struct{})
	}
	l.tap, err = tap.Listen(l.options)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() {
		defer close(l.served)
		l.summary = l.tap.Serve(ctx)
	}()
	t.Cleanup(func() {
		l.end(t)
		_ = l.worker.Close()
	})
	return l
}

// end ends the tap and waits until it has.
func (l *line) end(t testing.TB) {
	t.Helper()
	l.stop()
	select {
	case <-l.served:
	case <-time.After(patience):
		require.FailNow(t, "the tap does not end")
	}
}

// connect returns both ends of a connection through the tap.
func (l *line) connect(t testing.TB) (pool, worker *net.UnixConn) {
	t.Helper()
	pool, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: l.options.Listen, Net: "unix"})
	require.NoError(t, err)
	require.NoError(t, l.worker.SetDeadline(time.Now().Add(patience)))
	worker, err = l.worker.AcceptUnix()
	require.NoError(t, err)
	for _, c := range []*net.UnixConn{pool, worker} {
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		t.Cleanup(func() { _ = c.Close() })
	}
	return pool, worker
}

// await returns the first event of a kind, once it was told.
func (l *line) await(t testing.TB, kind tap.EventKind) tap.Event {
	t.Helper()
	return l.awaitAll(t, kind, 1)[0]
}

// awaitAll returns the events of a kind, once there are so many.
func (l *line) awaitAll(t testing.TB, kind tap.EventKind, count int) []tap.Event {
	t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if told := l.told(kind); len(told) >= count {
			return told
		}
		select {
		case <-changed:
		case <-late:
			require.FailNow(t, "not told", "%s", kind)
		}
	}
}

func (l *line) told(kind tap.EventKind) (of []tap.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Event == kind {
			of = append(of, e)
		}
	}
	return of
}

func request(id uint64) []byte { return requestOf(id, 2) }

// requestOf is a request whose body is a string of that many characters.
func requestOf(id uint64, size int) []byte {
	payload := fmt.Appendf(nil, `{"id":%d,"method":"echo","body":"%s"}`, id, strings.Repeat("x", size))
	return frame.AppendFrame(nil, frame.Enhanced, id, payload)
}

func answer(id uint64) []byte {
	return frame.AppendFrame(nil, frame.Enhanced, id, fmt.Appendf(nil, `{"id":%d,"ok":true,"body":"hi"}`, id))
}

func send(t testing.TB, to, from net.Conn, data []byte) {
	t.Helper()
	_, err := from.Write(data)
	require.NoError(t, err)
	got := make([]byte, len(data))
	_, err = io.ReadFull(to, got)
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func TestViolationsOfBothSidesAreTold(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	send(t, worker, pool, request(1))
	send(t, pool, worker, answer(1))
	send(t, pool, worker, answer(1))
	send(t, worker, pool, frame.AppendFrame(nil, frame.Enhanced, 3, []byte(`{"id":2,"method":"echo"}`)))
	require.NoError(t, pool.Close())
	closed := l.await(t, tap.Closed)

	told := l.told(tap.ViolationSeen)
	require.Len(t, told, 2)
	require.Equal(t, "MSG-1", told[0].Clause)
	require.Equal(t, spec.RoleWorker, told[0].Sender)
	require.Equal(t, spec.Must, told[0].Level)
	require.EqualValues(t, len(answer(1)), *told[0].Frame)
	require.Equal(t, fmt.Sprintf("%x", answer(1)), told[0].Bytes)
	require.Contains(t, told[0].Dump, "<-- MSG-1")
	require.Equal(t, "RID-3", told[1].Clause)
	require.Equal(t, spec.RolePool, told[1].Sender)
	require.EqualValues(t, len(request(1))+6, *told[1].Offset)

	require.Equal(t, 2, closed.Violations)
	require.Equal(t, 2, closed.Passed.Requests)
	require.Equal(t, 2, closed.Passed.Answers)
	require.EqualValues(t, 2*len(answer(1)), closed.Passed.FromWorker)
	l.end(t)
	require.Equal(t, tap.Summary{Connections: 1, Violations: map[string]int{"MSG-1": 1, "RID-3": 1}}, l.summary)
	require.Equal(t, 2, l.await(t, tap.Ended).Violations)
}

func TestAFrameThatIsCutOffIsToldAndNoViolation(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	send(t, worker, pool, request(1)[:20])
	require.NoError(t, pool.Close())
	l.await(t, tap.Closed)
	require.Equal(t, "STR-2", l.await(t, tap.CutOff).Clause)
	require.Empty(t, l.told(tap.ViolationSeen))
}

func TestWhatTheTapItselfCutsOffIsNotTold(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	send(t, worker, pool, request(1)[:20])
	l.end(t)
	require.Empty(t, l.told(tap.CutOff))
	_, err := pool.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	_, err = worker.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

func TestAnInspectionThatFallsBehindIsGivenUpAndTheBytesGoOn(t *testing.T) {
	hold := make(chan struct{})
	l := newLine(t, tap.Options{Behind: 1000, OnEvent: func(e tap.Event) {
		if e.Event == tap.Opened {
			<-hold
		}
	}})
	pool, worker := l.connect(t)
	for id := uint64(1); id < 100; id++ {
		send(t, worker, pool, request(id))
		send(t, pool, worker, answer(id))
	}
	close(hold)
	require.Contains(t, l.await(t, tap.GivenUp).Reason, "1000 bytes")
	send(t, pool, worker, []byte("what is wrong now is not seen"))
	require.NoError(t, pool.Close())
	require.EqualValues(t, 9*len(request(1))+90*len(request(10)), l.await(t, tap.Closed).Passed.FromPool)
	require.Empty(t, l.told(tap.ViolationSeen))
	require.Len(t, l.told(tap.GivenUp), 1)
	l.end(t)
	require.Equal(t, 1, l.summary.GivenUp)
}

// Two sides may have another limit than the default, which nobody told the tap.
func TestAFrameOverTheDefaultLimitIsAViolationOnlyWhereTheLimitWasGiven(t *testing.T) {
	for _, c := range []struct {
		limit     int
		length    string
		violation string
	}{
		{0, "00a00001", ""}, {10 << 20, "00a00001", "FRM-8"}, {0, "50590000", "FRM-8"}, {0, "5058ffff", ""},
	} {
		for _, framing := range []spec.Framing{spec.Basic, spec.Enhanced} {
			l := newLine(t, tap.Options{MaxPayload: c.limit, Framing: framing})
			pool, worker := l.connect(t)
			header := c.length
			if framing == spec.Enhanced { // whose length counts 18 bytes more
				header = "5059" + c.length[:6] + "ff000000000000000100000000"
			}
			bytes, err := hex.DecodeString(header)
			require.NoError(t, err)
			send(t, worker, pool, bytes)
			send(t, pool, worker, make([]byte, 4)) // the bytes go on
			require.NoError(t, pool.Close())
			l.await(t, tap.Closed)
			var got []string
			for _, e := range l.told(tap.ViolationSeen) {
				if e.Sender == spec.RolePool {
					got = append(got, e.Clause)
				}
			}
			if c.violation == "" {
				require.Empty(t, got)
				require.Contains(t, l.await(t, tap.GivenUp).Reason, "over the limit of 10485760; give the limit of")
			} else {
				require.Equal(t, []string{c.violation}, got)
			}
		}
	}
}

func TestEachHalfIsClosedWhenItsSenderClosesIt(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	require.NoError(t, pool.CloseWrite())
	rest, err := io.ReadAll(worker)
	require.NoError(t, err)
	require.Empty(t, rest)
	send(t, pool, worker, answer(1)) // answers still due are sent [WRK-22]
	require.NoError(t, worker.CloseWrite())
	rest, err = io.ReadAll(pool)
	require.NoError(t, err)
	require.Empty(t, rest)
	l.await(t, tap.Closed)
}

func TestAPeerThatGoesAwayIsGoneForTheOther(t *testing.T) {
	for name, leave := range map[string]func(leaving, staying *net.UnixConn) error{
		"at once":         func(leaving, _ *net.UnixConn) error { return leaving.Close() },
		"half, then both": func(leaving, _ *net.UnixConn) error { return errors.Join(leaving.CloseWrite(), leaving.Close()) },
		"with bytes not read": func(leaving, staying *net.UnixConn) error {
			_, err := staying.Write(answer(1))
			return errors.Join(err, leaving.Close())
		},
	} {
		for _, poolLeaves := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, pool %v", name, poolLeaves), func(t *testing.T) {
				l := newLine(t, tap.Options{})
				leaving, staying := l.connect(t)
				if !poolLeaves {
					leaving, staying = staying, leaving
				}
				require.NoError(t, leave(leaving, staying))
				_, err := io.ReadAll(staying)
				require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
				l.await(t, tap.Closed) // the tap holds neither side any more
				_, err = staying.Write(answer(2))
				require.ErrorIs(t, err, syscall.EPIPE)
			})
		}
	}
}

func TestAPeerThatTakesNoMoreIsSeenByTheSender(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	require.NoError(t, worker.CloseRead())
	var err error
	for err == nil { // the first may still go into the tap
		_, err = pool.Write(request(1))
	}
	require.ErrorIs(t, err, syscall.EPIPE)
	send(t, pool, worker, answer(1))
}

func TestAConnectionThatTheWorkerDoesNotTakeIsClosed(t *testing.T) {
	l := newLine(t, tap.Options{})
	require.NoError(t, l.worker.Close())
	pool, err := net.Dial("unix", l.options.Listen)
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.NotEmpty(t, l.await(t, tap.Unreachable).Reason)
}

func TestTheSocketIsPrivateAndRemovedAtTheEnd(t *testing.T) {
	l := newLine(t, tap.Options{})
	info, err := os.Stat(l.options.Listen)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	l.end(t)
	_, err = os.Lstat(l.options.Listen)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAClosedTapTakesNoMoreAndLetsConnectionsEnd(t *testing.T) {
	l := newLine(t, tap.Options{})
	pool, worker := l.connect(t)
	l.tap.Close()
	_, err := net.Dial("unix", l.options.Listen)
	require.ErrorIs(t, err, syscall.ENOENT)
	send(t, worker, pool, request(1))
	send(t, pool, worker, answer(1))
	require.NoError(t, worker.Close())
	select {
	case <-l.served:
	case <-time.After(patience):
		require.FailNow(t, "the last connection has ended and the tap has not")
	}
	require.Empty(t, l.told(tap.ViolationSeen))
}

func TestOnlyAStaleSocketIsReplaced(t *testing.T) {
	dir, err := os.MkdirTemp("", "pp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	options := tap.Options{Listen: filepath.Join(dir, "a"), Upstream: filepath.Join(dir, "b")}

	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: options.Listen, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	_, err = tap.Listen(options)
	require.ErrorContains(t, err, "belongs to a process")
	require.NoError(t, stale.Close())
	l, err := tap.Listen(options)
	require.NoError(t, err)
	l.Close()

	require.NoError(t, os.WriteFile(options.Listen, []byte("precious"), 0o600))
	_, err = tap.Listen(options)
	require.ErrorContains(t, err, "is not a socket")
	content, err := os.ReadFile(options.Listen)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))

	_, err = tap.Listen(tap.Options{Listen: options.Upstream, Upstream: options.Listen, Framing: "both"})
	require.ErrorContains(t, err, "framing")
	_, err = tap.Listen(tap.Options{})
	require.ErrorContains(t, err, "path")
}

func TestManyConnectionsAtOnce(t *testing.T) {
	l := newLine(t, tap.Options{})
	var all sync.WaitGroup
	for range 64 {
		pool, worker := l.connect(t)
		all.Go(func() {
			defer pool.Close()
			for id := uint64(1); id < 50; id++ {
				if pass(pool, worker, request(id)) != nil || pass(worker, pool, answer(id)) != nil {
					t.Error("a connection broke")
				}
			}
		})
	}
	all.Wait()
	l.end(t)
	require.Equal(t, tap.Summary{Connections: 64, Violations: map[string]int{}}, l.summary)
}

func pass(from, to io.ReadWriter, data []byte) error {
	if _, err := from.Write(data); err != nil {
		return err
	}
	got := make([]byte, len(data))
	if _, err := io.ReadFull(to, got); err != nil {
		return err
	}
	if !bytes.Equal(data, got) {
		return errors.New("other bytes came")
	}
	return nil
}

// However the peers split their bytes, close a half or vanish: what comes is what was sent, all of it where its
// receiver stayed to read, and else a beginning of it.
func TestBytesPassUnchanged(t *testing.T) {
	seed := time.Now().UnixNano()
	if s := os.Getenv("PYPROCTEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err, "PYPROCTEST_SEED is a decimal number")
	}
	t.Logf("to replay: PYPROCTEST_SEED=%d go test -run '^%s$'", seed, t.Name())
	l := newLine(t, tap.Options{Behind: 1 << 20})
	parameters := gopter.DefaultTestParametersWithSeed(seed)
	parameters.MinSuccessfulTests = 150
	result := prop.ForAll(func(seed int64) string {
		random := rand.New(rand.NewPCG(uint64(seed), 3))
		pool, worker := l.connect(t)
		peers := []*peer{newPeer(random, pool), newPeer(random, worker)}
		var all sync.WaitGroup
		for _, p := range peers {
			all.Go(p.write)
			all.Go(p.read)
		}
		all.Wait()
		if err := errors.Join(peers[0].got(peers[1]), peers[1].got(peers[0])); err != nil {
			return err.Error()
		}
		return ""
	}, gen.Int64()).Check(parameters)
	if !result.Passed() {
		gopter.NewFormatedReporter(true, 100, t.Output()).ReportTestResult(t.Name(), result)
		t.Fail()
	}
}

// However slow whoever is told of events is, new connections pass too.
func TestTrafficDoesNotWaitForOnEvent(t *testing.T) {
	hold := make(chan struct{})
	l := newLine(t, tap.Options{OnEvent: func(e tap.Event) {
		if e.Event == tap.Opened {
			<-hold
		}
	}})
	for range 3 {
		pool, worker := l.connect(t)
		send(t, worker, pool, request(1))
		send(t, pool, worker, answer(1))
	}
	close(hold)
	require.Len(t, l.awaitAll(t, tap.Opened, 3), 3)
}

// What passed is kept whole and in order, also of a connection that is no longer inspected.
func TestEverythingThatPassesIsKept(t *testing.T) {
	kept := map[spec.Role][]byte{}
	ends := map[spec.Role]int{}
	var last time.Time
	l := newLine(t, tap.Options{OnPassing: func(p tap.Passing) {
		require.Equal(t, 1, p.Connection)
		require.False(t, p.Time.Before(last))
		last = p.Time
		kept[p.Sender] = append(kept[p.Sender], p.Data...)
		if p.End {
			ends[p.Sender]++
		}
	}})
	pool, worker := l.connect(t)
	tooLarge := []byte{0x50, 0x59, 0x10, 0, 0, 0}
	for _, data := range [][]byte{request(1), request(2), tooLarge, request(3)} {
		send(t, worker, pool, data)
	}
	send(t, pool, worker, answer(1))
	require.NoError(t, pool.CloseWrite())
	require.NoError(t, worker.CloseWrite())
	l.await(t, tap.Closed)
	l.end(t)
	require.Equal(t, bytes.Join([][]byte{request(1), request(2), tooLarge, request(3)}, nil), kept[spec.RolePool])
	require.Equal(t, answer(1), kept[spec.RoleWorker])
	require.Equal(t, map[spec.Role]int{spec.RolePool: 1, spec.RoleWorker: 1}, ends)
}

func TestWhatCouldNotBeKeptIsLost(t *testing.T) {
	hold, lost := make(chan struct{}), 0
	l := newLine(t, tap.Options{Behind: 100, OnPassing: func(p tap.Passing) {
		<-hold
		if p.Lost {
			lost++
		}
	}})
	pool, worker := l.connect(t)
	for id := uint64(1); id < 20; id++ {
		send(t, worker, pool, request(id))
	}
	close(hold)
	l.await(t, tap.GivenUp)
	l.end(t)
	require.Equal(t, 1, lost)
}
