package pool

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func outputCases() []testCase {
	return []testCase{
		{
			Name: "output-is-read-during-start", Clauses: []string{"OUT-1"},
			Cause: "The pool reads what its workers print only when they are ready.",
			Run:   outputIsReadDuringStart,
		},
		{
			Name: "output-is-read-beside-calls", Clauses: []string{"OUT-1"},
			Cause: "The pool reads the beginning of what its workers print, for the error of a failed start, and nothing after it; or a line that is too long, or bytes that are no text, end its reading.",
			Run:   outputIsReadBesideCalls,
		},
		{
			Name: "output-is-read-in-shutdown", Clauses: []string{"OUT-1"},
			Cause: "Shutdown stops reading, or closes its end, before the workers have ended.",
			Run:   outputIsReadInShutdown,
		},
		{
			Name: "output-is-read-where-the-users-writer-fails", Clauses: []string{"OUT-1"},
			Cause: "What copies the output to the user's writer ends with the first error of that, and with it the reading.",
			Run:   outputIsReadWhereTheWriterFails,
		},
		{
			Name: "a-writer-that-blocks-holds-up-nothing", Clauses: []string{"OUT-2"},
			Cause: "What reads the workers' output, or waits for their end, waits for the user's writer.",
			Run:   aWriterThatBlocksHoldsUpNothing,
		},
	}
}

// outputs are each more than a pipe holds: lines, one line without an end, bytes that are no text, and lines again.
func outputs() []string {
	lines := strings.Repeat("a line of what a worker prints\n", 1<<14)
	return []string{
		lines,
		strings.Repeat("words without an end of their line ", 1<<14),
		strings.Repeat("\xff\xfe\x00\r\xc3", 1<<16),
		lines,
	}
}

// canPrint lets the worker print more than a pipe holds to its standard error and, if the pool pipes that, to its standard
// output. It ends the case with a finding if that does not come to its end.
func (s *stage) canPrint(w *scriptedWorker, when string) {
	for fd, to := range map[int]scripted.Kind{1: scripted.OrderStdout, 2: scripted.OrderStderr} {
		piped, known := s.pipes(w, fd)
		if !piped && (known || fd == 1) {
			continue // inherited files are the user's matter
		}
		for _, text := range outputs() {
			if err := w.prints(to, text); err != nil {
				s.t.FailNow("OUT-1", fmt.Sprintf("the pool reads what a worker prints %s, so that %s writes all of %d bytes, %q…, to descriptor %d", when, w.name(), len(text), text[:20], fd),
					"%v; %s", err, s.scene())
			}
		}
	}
}

// pipes reports whether a file of the worker is a pipe or socket that the process of the pool does not have as a standard
// file of its own. known is false where that cannot be seen.
func (s *stage) pipes(w *scriptedWorker, fd int) (piped, known bool) {
	link := func(pid, fd int) string {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		return to
	}
	its := link(w.pid, fd)
	if its == "" {
		return false, false
	}
	pid := os.Getpid()
	if r := s.pool.(guarded).remote(); r != nil {
		pid = r.PID()
	}
	for own := range 3 {
		if link(pid, own) == its {
			return false, true
		}
	}
	return strings.HasPrefix(its, "pipe:") || strings.HasPrefix(its, "socket:"), true
}

func outputIsReadDuringStart(t *T) {
	s := t.stage()
	s.options.StartTimeout = 8 * t.Patience()
	s.onAppear = neverListens
	s.open()
	st := s.beginStart(t.Context(), "OUT-1")
	w := s.worker("OUT-1", 1)
	s.canPrint(w, "during Start")
	w.listen()
	if err := s.awaitStart(st, "OUT-1", "Start returns when the worker listens"); err != nil {
		t.FailNow("OUT-1", "Start succeeds with a worker that prints much before it listens", "error: %v; %s", err, s.scene())
	}
}

func outputIsReadBesideCalls(t *T) {
	s := t.stage()
	s.options.HealthInterval = brokenInterval
	s.start()
	for range 3 {
		s.call().succeeds("OUT-1")
		s.canPrint(s.worker("OUT-1", 1), "beside calls")
	}
}

func outputIsReadInShutdown(t *T) {
	s := t.stage()
	s.options.StopTimeout = 8 * t.Patience()
	stopping := make(chan struct{})
	var once sync.Once
	s.onStop = func(*scriptedWorker) { once.Do(func() { close(stopping) }) }
	s.holdRequests()
	s.start()
	w := s.worker("OUT-1", 1)
	running := s.holdCalls("OUT-1", 1)
	done := s.beginShutdown(t.Context(), "OUT-1")
	s.untilRefused("SHD-1")
	s.canPrint(w, "while Shutdown waits for calls")
	s.release("OUT-1", running)
	if !t.WaitFor(t.Patience(), stopping) {
		t.Blocked("the worker gets no signal, see SHD-3; %s", s.scene())
	}
	s.canPrint(w, "while Shutdown waits for workers")
	w.exit(0)
	s.awaitShutdown(done, "OUT-1")
}

// failingWriter is a user's writer that takes nothing.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left for output") }

func outputIsReadWhereTheWriterFails(t *T) {
	s := t.stage()
	s.options.Output = failingWriter{}
	s.open()
	if s.pool.(guarded).remote() != nil {
		t.NotAsked("a pool in another process cannot be given a writer")
	}
	s.start()
	for range 2 {
		s.call().succeeds("OUT-1")
		s.canPrint(s.worker("OUT-1", 1), "though its user's writer fails")
	}
}

// blockingWriter is a user's writer that blocks once it is told to, until the case has ended.
type blockingWriter struct {
	mu       sync.Mutex
	blocks   bool
	released chan struct{}
	entered  chan struct{} // closed when a Write blocks
	once     sync.Once
}

// Write implements [io.Writer].
func (b *blockingWriter) Write(p []byte) (int, error) {
	b.mu.Lock()
	blocks := b.blocks
	b.mu.Unlock()
	if blocks {
		b.once.Do(func() { close(b.entered) })
		<-b.released
	}
	return len(p), nil
}

func (b *blockingWriter) block() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blocks = true
}

func aWriterThatBlocksHoldsUpNothing(t *T) {
	s := t.stage()
	writer := &blockingWriter{released: make(chan struct{}), entered: make(chan struct{})}
	t.Cleanup(func() { close(writer.released) })
	s.options.Workers = 2
	s.options.HealthInterval = brokenInterval
	s.options.Output = writer
	s.open()
	if s.pool.(guarded).remote() != nil {
		t.Unsupported("a pool in another process cannot be given a writer")
	}
	s.start()
	s.worker("OUT-2", 1).die() // which shows whether the pool restarts workers, see HLT-6
	s.callUntil(t.Patience(), func() bool { return len(s.workers) > 2 })
	restarts := len(s.workersSoFar()) > 2 && s.awaitReplacement()

	writer.block()
	w := s.worker("OUT-2", 2)
	go w.writeStderr(outputs()[0]) // a pool may read no more than the writer takes, see OUT-1
	if !t.WaitFor(t.Patience(), writer.entered) {
		t.Unsupported("the writer gets nothing of what a worker prints")
	}
	for range 2 * s.options.Workers {
		s.call().succeeds("OUT-2")
	}
	s.healthBecomes("OUT-2", "every worker is healthy while the writer blocks", func(h spec.Health) bool { return h.Healthy == s.options.Workers })
	if restarts {
		n := len(s.workersSoFar())
		w.die()
		s.callUntil(t.Patience(), func() bool { return len(s.workers) > n })
		if len(s.workersSoFar()) == n {
			t.FailNow("OUT-2", "a worker that died is restarted while the writer blocks, as it was before", "it was not after %v; %s", t.Patience(), s.scene())
		}
		s.healthBecomes("OUT-2", "every worker is healthy after the restart", func(h spec.Health) bool { return h.Healthy == s.options.Workers })
	}
	_ = s.shutdown("OUT-2")
}
