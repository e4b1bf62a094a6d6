package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		if err := serveWorker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// short is a soak of a second, for which every number is enough.
func short(t *testing.T) settings {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the soak runs on Linux alone")
	}
	library, err := filepath.Abs("../../pyworker/src")
	require.NoError(t, err)
	return settings{
		duration: time.Second, seed: 1, python: []string{"python3"}, library: library,
		kinds: []kind{{"go", frame.Enhanced}}, open: openPool, enoughCalls: 10, enoughCycles: 1,
	}
}

func soaked(t *testing.T, s settings) (*report, string) {
	t.Helper()
	r, err := soak(t.Context(), s)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, r.print(&text))
	return r, text.String()
}

func TestTheReferenceSurvivesTroubleInBothFramingsAndLanguages(t *testing.T) {
	s := short(t)
	s.kinds, s.duration = everyKind, 4*time.Second
	r, text := soaked(t, s)
	require.NoError(t, r.verdict(), text)
	require.Zero(t, r.wrong.all(), text)
	for _, c := range r.calls {
		require.NotZero(t, c.ended[answered].Load(), text)
	}
	require.Contains(t, text, "nothing wrong")
}

// faulty is a pool with a fault of the test's.
type faulty struct {
	system
	call  func(ctx context.Context, method string, body any) ([]byte, error)
	after func() // Shutdown
}

func (f faulty) Call(ctx context.Context, method string, body any) ([]byte, error) {
	if f.call != nil {
		return f.call(ctx, method, body)
	}
	return f.system.Call(ctx, method, body)
}

func (f faulty) Shutdown(ctx context.Context) error {
	err := f.system.Shutdown(ctx)
	if f.after != nil {
		f.after()
	}
	return err
}

// withFault opens pools that the test changes. options is called first.
func withFault(options func(*pool.PoolOptions), fault func(system, pool.PoolOptions) system) func(pool.PoolOptions) (system, error) {
	return func(o pool.PoolOptions) (system, error) {
		if options != nil {
			options(&o)
		}
		p, err := openPool(o)
		if err != nil || fault == nil {
			return p, err
		}
		return fault(p, o), nil
	}
}

// planted is a worker with a fault.
func planted(fault string) func(pool.PoolOptions) (system, error) {
	return withFault(func(o *pool.PoolOptions) { o.Env = append(o.Env, plantVariable+"="+fault) }, nil)
}

// seldom is a call in 50, by its number.
func seldom(f func(system, context.Context, string, any) ([]byte, error)) func(system, pool.PoolOptions) system {
	return func(s system, _ pool.PoolOptions) system {
		return faulty{system: s, call: func(ctx context.Context, method string, b any) ([]byte, error) {
			if sent, ok := b.(body); ok && sent.N%50 == 0 && sent.N > 4 && method == "run" {
				return f(s, ctx, method, b)
			}
			return s.Call(ctx, method, b)
		}}
	}
}

// Each fault is one that the soak is there to find: it is reported as what it is, and the end is not green.
func TestEachFaultIsFound(t *testing.T) {
	release := make(chan struct{})
	var blocked sync.WaitGroup
	t.Cleanup(func() {
		close(release)
		blocked.Wait()
	})
	var once atomic.Bool
	var opened []int
	t.Cleanup(func() {
		for _, fd := range opened {
			_ = syscall.Close(fd)
		}
	})
	afterwards := func(f func(pool.PoolOptions)) func(pool.PoolOptions) (system, error) {
		return withFault(nil, func(s system, o pool.PoolOptions) system {
			return faulty{system: s, after: func() { f(o) }}
		})
	}
	for name, c := range map[string]struct {
		open func(pool.PoolOptions) (system, error)
		kind string
		text string
	}{
		"a wrong answer by a worker":            {planted("wrong"), wrongAnswer, "is not what was sent"},
		"the answer of another, by a worker":    {planted("another"), ofAnother, "got the answer of"},
		"a process that a worker leaves":        {planted("child"), leftOver, "a process: "},
		"a process that a cycle leaves":         {planted("child"), wrongCycle, "(sleep) of cycle"},
		"an answer for what should fail":        {withFault(nil, neverFails), wrongAnswer, "fail was answered with"},
		"the error answer of another":           {withFault(nil, othersError), ofAnother, "got the error answer"},
		"an unsent call that ran":               {withFault(nil, seldom(saidUnsent)), unsentRan, "was said to be unsent, and ran 1 times"},
		"an unsent call that was sent twice":    {withFault(nil, seldom(twiceAndUnsent)), unsentRan, "was said to be unsent, and ran 2 times"},
		"a call that was sent twice":            {withFault(nil, seldom(twice)), ranTwice, "ran 2 times"},
		"an answer without a run":               {withFault(nil, seldom(invented)), neverRan, "was answered, and never ran"},
		"a request that nobody made":            {withFault(nil, seldom(another)), strangeRun, "requests that nobody made"},
		"a start that should fail and does not": {withFault(func(o *pool.PoolOptions) { o.Env = append(o.Env, failVariable+"=") }, nil), wrongCycle, "the start succeeded"},
		"a start that fails":                    {withFault(func(o *pool.PoolOptions) { o.Env = append(o.Env, failVariable+"=exit") }, nil), wrongCycle, "the start failed"},
		"a folder that is left": {afterwards(func(o pool.PoolOptions) {
			_ = os.Mkdir(filepath.Join(o.SocketDir, "left"), 0o700)
		}), leftOver, "a file: "},
		"a goroutine that is left": {afterwards(func(pool.PoolOptions) {
			if once.CompareAndSwap(false, true) {
				blocked.Go(func() { <-release })
			}
		}), leftOver, "a goroutine: "},
		"a descriptor that is left": {afterwards(func(o pool.PoolOptions) {
			if o.Workers == poolWorkers {
				fd, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0)
				require.NoError(t, err)
				opened = append(opened, fd)
			}
		}), leftOver, "a descriptor: 1 more of /dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			s := short(t)
			s.open = c.open
			r, text := soaked(t, s)
			require.ErrorIs(t, r.verdict(), errWrong, text)
			require.Positive(t, r.wrong.count[c.kind], text)
			require.Contains(t, text, c.text)
			require.NotContains(t, text, "nothing wrong")
		})
	}
}

func neverFails(s system, _ pool.PoolOptions) system {
	return faulty{system: s, call: func(ctx context.Context, method string, b any) ([]byte, error) {
		answer, err := s.Call(ctx, method, b)
		var remote *pool.RemoteError
		if method == "fail" && errors.As(err, &remote) {
			return []byte(`{}`), nil
		}
		return answer, err
	}}
}

func othersError(s system, _ pool.PoolOptions) system {
	return faulty{system: s, call: func(ctx context.Context, method string, b any) ([]byte, error) {
		answer, err := s.Call(ctx, method, b)
		if method == "fail" && err != nil {
			return nil, &pool.RemoteError{Message: "#1#"}
		}
		return answer, err
	}}
}

func saidUnsent(s system, ctx context.Context, method string, b any) ([]byte, error) {
	if _, err := s.Call(ctx, method, b); err != nil {
		return nil, err
	}
	return nil, pool.ErrUnavailable
}

func twice(s system, ctx context.Context, method string, b any) ([]byte, error) {
	_, _ = s.Call(ctx, method, b)
	return s.Call(ctx, method, b)
}

func twiceAndUnsent(s system, ctx context.Context, method string, b any) ([]byte, error) {
	if _, err := twice(s, ctx, method, b); err != nil {
		return nil, err
	}
	return nil, pool.ErrUnavailable
}

func invented(_ system, _ context.Context, _ string, b any) ([]byte, error) { return json.Marshal(b) }

func another(s system, ctx context.Context, method string, b any) ([]byte, error) {
	_, _ = s.Call(ctx, method, body{N: 1 << 40})
	return s.Call(ctx, method, b)
}

func TestTooLittleIsNotEnough(t *testing.T) {
	s := short(t)
	s.enoughCalls = 100_000_000
	r, text := soaked(t, s)
	require.ErrorIs(t, r.verdict(), errNotEnough, text)
	require.Contains(t, text, "not enough")

	s = short(t)
	s.enoughCycles = 1_000_000
	r, text = soaked(t, s)
	require.ErrorIs(t, r.verdict(), errNotEnough, text)
	require.Contains(t, text, "give it longer, make soak FOR=")
	require.Greater(t, r.longer(), 10*time.Minute, "at this pace")
}

func TestACallWithoutAnEndEndsTheSoakAllTheSame(t *testing.T) {
	b, err := newBook(time.Second)
	require.NoError(t, err)
	defer b.close()
	n, room := b.next()
	require.True(t, room)
	wrong := newWrongs()
	require.NoError(t, b.settle(t.TempDir(), "no such mark", wrong))
	require.Equal(t, []string{fmt.Sprintf("call %d has no end", n)}, wrong.first[noEnd])
}

func TestAPartThatHangsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &report{wrong: newWrongs()}
		require.False(t, r.ends("the calls of nobody", make(chan struct{}), time.Minute))
		require.Contains(t, r.wrong.first[noEnd][0], "the calls of nobody did not end")
	})
}

func TestAnInterruptEndsItAndIsNotGreen(t *testing.T) {
	s := short(t)
	s.duration = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	s.open = withFault(nil, func(p system, o pool.PoolOptions) system {
		return faulty{system: p, call: func(ctx context.Context, method string, b any) ([]byte, error) {
			if o.Workers == poolWorkers {
				cancel()
			}
			return p.Call(ctx, method, b)
		}}
	})
	r, err := soak(ctx, s)
	require.NoError(t, err)
	require.Zero(t, r.wrong.all(), r.wrong.first)
	require.ErrorIs(t, r.verdict(), errInterrupted)
}

// A process that got the ID of a worker since is none of the soak's: what the worker wrote is read to its end.
func TestTheJournalOfAProcessWhoseIDIsAnothersNowIsDoneWith(t *testing.T) {
	b, err := newBook(time.Second)
	require.NoError(t, err)
	defer b.close()
	n, _ := b.next()
	b.enter(n, answered)
	journals := t.TempDir()
	written := filepath.Join(journals, fmt.Sprintf("%d-1", os.Getpid()))
	require.NoError(t, os.WriteFile(written, binary.LittleEndian.AppendUint64(nil, n), 0o600))
	wrong := newWrongs()
	require.NoError(t, b.settle(journals, "a mark that this process does not have", wrong))
	require.Zero(t, wrong.all())
	require.NoFileExists(t, written)
}

func TestTheCommandIsNotGreenWithoutEnough(t *testing.T) {
	short(t)
	err := command(t.Context(), []string{"-for", "1s", "-seed", "3", "-tree", "../.."})
	require.ErrorIs(t, err, errNotEnough)
}

func TestTheCommandRefusesWhatItCannotDo(t *testing.T) {
	for _, args := range [][]string{{"-for", "1ms"}, {"more"}, {"-tree", t.TempDir()}} {
		require.Error(t, command(t.Context(), args), args)
	}
}
