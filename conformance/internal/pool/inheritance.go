package pool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

func inheritanceCases() []testCase {
	return []testCase{
		{
			Name: "the-socket-path-is-set-whatever-the-environment-has", Clauses: []string{"STA-10"}, Serial: true,
			Cause: "The pool sets PYPROC_SOCKET_PATH only where it is unset, or its own environment replaces what the pool has set.",
			Run:   theSocketPathIsSetWhateverTheEnvironmentHas,
		},
		{
			Name: "workers-inherit-no-connection", Clauses: []string{"STA-11"},
			Cause: "The pool's sockets are not closed on exec, or a new worker gets all descriptors of the pool.",
			Run:   workersInheritNoConnection,
		},
	}
}

const socketPathVariable = "PYPROC_SOCKET_PATH"

// environment is held while the environment of this process, of which there is one for all runs, is changed.
var environment sync.Mutex

// withVariable calls f while the environment of this process has the variable.
func withVariable(name, value string, f func()) {
	environment.Lock()
	defer environment.Unlock()
	before, was := os.LookupEnv(name)
	_ = os.Setenv(name, value)
	defer func() {
		if was {
			_ = os.Setenv(name, before)
			return
		}
		_ = os.Unsetenv(name)
	}()
	f()
}

func theSocketPathIsSetWhateverTheEnvironmentHas(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StartTimeout = 8 * t.Patience()
	parents := filepath.Join(t.Dir(), "parent.sock")
	withVariable(socketPathVariable, parents, func() {
		s.open() // where the pool lives in another process, that begins here
		st := s.beginStart(t.Context(), "STA-10")
		// A pool may start its workers one by one, and does not go on where one listens elsewhere.
		s.eventually(func() bool {
			return isClosed(st.done) || slices.ContainsFunc(s.workers, func(w *scriptedWorker) bool { return w.path == parents })
		})
		for _, w := range s.workersSoFar() {
			if w.path == parents {
				t.FailNow("STA-10", fmt.Sprintf("a path of the pool's in %s for each worker, while the pool's own environment has %q there", socketPathVariable, parents),
					"%s got %q", w.name(), w.path)
			}
		}
		if err := s.awaitStart(st, "STA-10", "Start returns"); err != nil {
			t.FailNow("STA-10", "Start succeeds, whatever the pool's own environment has in "+socketPathVariable, "error: %v; %s", err, s.scene())
		}
	})
}

// workersInheritNoConnection looks at the descriptors with which each worker process begins, those of a restart included:
// by then the pool has connections to the other worker.
func workersInheritNoConnection(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = brokenInterval
	s.start()
	for range 2 {
		s.call().succeeds("STA-11")
	}
	s.worker("STA-11", 1).die()
	s.callUntil(t.Patience(), func() bool { return len(s.workers) > 2 })
	workers := s.workersSoFar()
	if len(workers) == 2 {
		t.Note("case", "the worker was not restarted, see HLT-6; so only the first two are looked at")
	}
	for _, w := range workers {
		w.sync() // what it has inherited comes first
		var inherited []string
		s.withLock(func() { inherited = w.inherited })
		for _, other := range workers {
			if slices.Contains(inherited, other.path) {
				t.FailNow("STA-11", "a worker begins without connections of the pool's", "%s began with a connection to %s, which is that of %s", w.name(), filepath.Base(other.path), other.name())
			}
		}
	}
}
