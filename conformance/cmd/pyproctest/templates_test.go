package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// The parts stand for pools that answer by themselves: echo gives the body back, hang waits for its end, and
// anything else fails as if the worker had died.
var poolParts = map[string]struct{ program, file, part string }{
	"python": {"python3", "pool.py", `
NAME = "no workers at all"
IGNORED: list[str] = ["restart_backoff_ms"]
FIXED_MAX_PAYLOAD = 1000


class Pool:
    def __init__(self, options):
        if options.get("queue"):
            raise Unsupported("no queue")

    async def start(self):
        pass

    async def call(self, method, body):
        if method == "hang":
            await asyncio.Event().wait()
        if method != "echo":
            raise RuntimeError("gone")
        return body

    def health(self):
        return {"total": 2, "healthy": 1, "restarts": 3, "last_check_ms": 0}

    async def shutdown(self):
        pass


def error_kinds(error):
    return ["worker_died", "may_have_run"]
`},
	"node": {"node", "pool.mjs", `
const NAME = "no workers at all";
const IGNORED = ["restart_backoff_ms"];
const FIXED_MAX_PAYLOAD = 1000;

class Pool {
  constructor(options) {
    if (options.queue) throw new Unsupported("no queue");
  }
  async start() {}
  async call(method, body, signal) {
    signal.throwIfAborted();
    if (method === "hang") await new Promise((_, reject) => { signal.onabort = () => reject(signal.reason); });
    if (method !== "echo") throw new Error("gone");
    return body;
  }
  health() {
    return { total: 2, healthy: 1, restarts: 3, last_check_ms: 0 };
  }
  async shutdown() {}
}

const errorKinds = (error) => error.name === "AbortError" ? ["canceled"] : ["worker_died", "may_have_run"];
`},
}

func TestPoolAdaptersThatInitWritesPassEverythingOn(t *testing.T) {
	for lang, p := range poolParts {
		t.Run(lang, func(t *testing.T) {
			if _, err := exec.LookPath(p.program); err != nil {
				t.Skipf("NOT RUN: no %s", p.program)
			}
			pool := openFilled(t, lang, p.program, p.file, p.part)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()

			require.NoError(t, pool.Start(ctx))
			const body = `{"n":18446744073709551615}`
			answer, err := pool.Call(ctx, "echo", json.RawMessage(body))
			require.NoError(t, err)
			require.Equal(t, body, string(answer))

			_, err = pool.Call(ctx, "leave", nil)
			require.ErrorIs(t, err, conformance.WorkerDied)
			require.ErrorIs(t, err, conformance.MayHaveRun)
			require.ErrorContains(t, err, "gone")

			ended, end := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() {
				_, err := pool.Call(ended, "hang", nil)
				done <- err
			}()
			answer, err = pool.Call(ctx, "echo", json.RawMessage(`1`)) // beside the one that hangs
			require.NoError(t, err)
			require.Equal(t, "1", string(answer))
			end()
			require.ErrorIs(t, <-done, context.Canceled)
			_, err = pool.Call(ended, "hang", nil) // as the call before, if it comes after end
			require.ErrorIs(t, err, context.Canceled)

			require.Equal(t, conformance.Health{Total: 2, Healthy: 1, Restarts: 3}, pool.Health())
			require.NoError(t, pool.Shutdown(ctx))
		})
	}
}

// Whoever sees an implementation here finds a program to start with in its language.
func TestInitKnowsEveryLanguageThatHasAnImplementationHere(t *testing.T) {
	after := map[string]string{"asyncio": "python", "pyproc": "python"} // folders that are named after a library
	folders, err := filepath.Glob("../../implementations/*-*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		lang, role, _ := strings.Cut(filepath.Base(folder), "-")
		if other, ok := after[lang]; ok {
			lang = other
		}
		_, err := templateOf(spec.Role(role), lang)
		require.NoError(t, err, folder)
	}
}

// openFilled writes the pool's adapter with the part filled in, starts it, and makes a pool.
func openFilled(t *testing.T, lang, program, file, part string) conformance.Pool {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, writeTemplate(io.Discard, spec.RolePool, lang, dir))
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	whole, err := filled(string(text), part)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(whole), 0o666))

	a, err := adapter.Open(t.Context(), spec.RolePool, conformance.Command(program, path), adapter.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	require.Equal(t, "no workers at all", a.Name())
	_, err = a.Pool()(conformance.PoolOptions{Workers: 2, Queue: 1})
	require.ErrorIs(t, err, conformance.Unsupported)
	pool, err := a.Pool()(conformance.PoolOptions{Workers: 2})
	require.NoError(t, err)
	return pool
}
