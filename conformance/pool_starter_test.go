package conformance_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// The Go program that pyproctest init writes adds nothing of its own: a pool with a fault gets through it the verdict that
// it gets in process.
func TestFaultsOfAPoolAreFoundThroughTheGoStarter(t *testing.T) {
	program := starterWithPlainPool(t)
	notShown := []string{ // over JSON lines, which carry no writer, goroutine, and cause or deadline of a context either
		"keeps-the-callers-bytes", "encodes-when-it-writes", "failed-start-leaks-goroutine", "leaks-goroutine", "methods-as-bytes",
		"returns-the-cause-of-the-context", "writer-holds-up-the-end", "each-cancelled-call-leaves-a-goroutine",
		"deadline-of-start-stays-on-connections",
	}
	pools := allPlanted[1]
	require.Equal(t, spec.RolePool, pools.role)
	pools.check = func(ctx context.Context, what []string, opts ...conformance.Option) conformance.Report {
		command := conformance.Command(program)
		command.Env = []string{starterQuirks + "=" + strings.Join(what, "+")}
		a, err := adapter.Open(ctx, spec.RolePool, command, adapter.Options{Timeout: time.Minute})
		if err != nil {
			return conformance.Report{NotRun: []string{err.Error()}}
		}
		defer func() { _ = a.Close() }()
		return conformance.CheckPool(a.Context(), a.Pool(), opts...)
	}
	all := *matrixFlag != "" // else one in eight, since in process each is judged by other tests
	var faults []fault
	for i, f := range pools.faults {
		if !f.alone && !slices.Contains(notShown, f.name()) && (all || i%8 == 0) { // here all run beside each other
			faults = append(faults, f)
		}
	}
	wrong := make([]string, len(faults))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8) // most of a fault's time is spent waiting
	for i, f := range faults {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, wrong[i] = pools.judge(t.Context(), f, conformance.Only(f.cases...), conformance.Parallel(2))
		})
	}
	wg.Wait()
	for i, f := range faults {
		t.Run(strings.ReplaceAll(f.clause+"/"+f.name(), " ", "-"), func(t *testing.T) { require.Empty(t, wrong[i]) })
	}
}

// starterQuirks names the faults and oddities of the pool in the starter, joined by +.
const starterQuirks = "PYPROCTEST_STARTER_QUIRKS"

// starterWithPlainPool builds the program that pyproctest init writes for a pool in Go, with the plain pool filled in.
func starterWithPlainPool(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	starter, err := os.ReadFile("cmd/pyproctest/templates/go/pool/main.go")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(starter), "func openPool(o options) (pool, error) {\n\treturn nil, unsupported(")
	require.True(t, found)
	_, rest, found = strings.Cut(rest, "}\n")
	require.True(t, found)
	_, after, found := strings.Cut(rest, "// --- The adapter protocol")
	require.True(t, found)
	files := []string{filepath.Join(dir, "main.go"), filepath.Join(dir, "part.go")}
	require.NoError(t, os.WriteFile(files[0], []byte(before[:strings.LastIndex(before, "// openPool")]+"// --- The adapter protocol"+after), 0o666))
	require.NoError(t, os.WriteFile(files[1], []byte(starterPart), 0o666))
	for _, name := range []string{"pool_plain", "pool_plain_conn", "pool_plain_process", "pool_plain_worker"} {
		text, err := os.ReadFile(name + "_test.go")
		require.NoError(t, err)
		files = append(files, filepath.Join(dir, name+".go"))
		require.NoError(t, os.WriteFile(files[len(files)-1], bytes.Replace(text, []byte("package conformance_test"), []byte("package main"), 1), 0o666))
	}
	program = filepath.Join(dir, "starter")
	out, err := exec.Command("go", append([]string{"build", "-o", program}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// starterPart brings the plain pool and the starter together.
const starterPart = `package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

type plain struct{ *plainPool }

func (p plain) Health() health {
	h := p.plainPool.Health()
	told := health{h.Total, h.Healthy, h.Restarts, 0}
	if !h.LastCheck.IsZero() {
		told.LastCheck = h.LastCheck.UnixMilli()
	}
	return told
}

func openPool(o options) (pool, error) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	p, err := newPlainPool(conformance.PoolOptions{
		Program: o.Program, Argument: o.Argument, Env: o.Env, SocketDir: o.SocketDir, Framing: conformance.Framing(o.Framing),
		Workers: o.Workers, MaxInFlight: o.MaxInFlight, MaxPayload: o.MaxPayload, Queue: o.Queue,
		StartTimeout: ms(o.StartTimeout), StopTimeout: ms(o.StopTimeout),
		HealthInterval: ms(o.HealthInterval), HealthTimeout: ms(o.HealthTimeout),
		RestartBackoff: ms(o.RestartBackoff), RestartBackoffMax: ms(o.RestartBackoffMax),
	}, strings.Split(os.Getenv("` + starterQuirks + `"), "+")...)
	if errors.Is(err, conformance.Unsupported) {
		return nil, unsupported(err.Error())
	}
	return plain{p}, err
}

func errorKinds(err error) []string {
	kinds := []string{}
	for _, kind := range []conformance.ErrorKind{
		conformance.Busy, conformance.Closed, conformance.NotStarted, conformance.TooLarge,
		conformance.ErrorAnswer, conformance.WorkerDied, conformance.MayHaveRun,
	} {
		if errors.Is(err, kind) {
			kinds = append(kinds, string(kind))
		}
	}
	if errors.Is(err, context.Canceled) {
		kinds = append(kinds, "canceled")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		kinds = append(kinds, "deadline_exceeded")
	}
	return kinds
}
`
