package conformance_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// playedOnPlainPool plays a history that was written by hand on the plain pool with these quirks.
func playedOnPlainPool(t *testing.T, patience time.Duration, quirks []string, o explore.Options, steps ...explore.Step) conformance.Explored {
	t.Helper()
	o.Framing = conformance.Enhanced
	text, err := json.Marshal(explore.History{Schema: explore.Schema, Role: spec.RolePool, Options: o, Steps: steps})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "history.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	x := conformance.Exploration{Replay: file, Patience: patience}
	e, err := exploredPlainPool(t, quirks, x)
	require.NoError(t, err)
	require.Positive(t, e.Histories)
	return e
}

func started(steps ...explore.Step) []explore.Step {
	return append([]explore.Step{{Do: "start"}}, steps...)
}

func called(name string) explore.Step { return explore.Step{Do: "call", Call: name} }

func answered(name, how string) explore.Step {
	return explore.Step{Do: "answer", Call: name, How: how}
}

func shutDown(milliseconds int) explore.Step {
	return explore.Step{Do: "shutdown", How: "beside", Count: milliseconds}
}

// What SPEC.md leaves open accuses nobody. Each of these once did, or is what a reader feared.
func TestWhatIsLeftOpenBesideStartAndShutdownAccusesNobody(t *testing.T) {
	one := explore.Options{Workers: 1, MaxInFlight: 1}
	two := explore.Options{Workers: 1, MaxInFlight: 2}
	slow := explore.Step{Do: "start", How: "slow", Worker: 1}
	for name, c := range map[string]struct {
		quirks []string
		o      explore.Options
		steps  []explore.Step
	}{
		"a Shutdown whose context ends waits for one whose context lasts": {nil, one, started(called("k1"), shutDown(0), shutDown(1))},
		"Health tells of a worker that Shutdown waits for":                {nil, one, started(called("k1"), shutDown(0), explore.Step{Do: "health"}, answered("k1", ""))},
		"Health during a Start":                                           {nil, one, []explore.Step{slow, {Do: "health"}, {Do: "ready"}}},
		"a call is refused during a Start":                                {nil, one, []explore.Step{slow, called("k1"), {Do: "ready"}, called("k2")}},
		"a call waits during a Start":                                     {[]string{"waits-without-workers"}, one, []explore.Step{slow, called("k1"), {Do: "ready"}}},
		"a second Start is refused":                                       {nil, one, []explore.Step{slow, {Do: "start"}, {Do: "ready"}, called("k1")}},
		"a second Start waits":                                            {[]string{"second-start-waits"}, one, []explore.Step{slow, {Do: "start"}, {Do: "ready"}, called("k1")}},
		"Shutdown ends a Start":                                           {nil, one, []explore.Step{slow, shutDown(0), {Do: "ready"}}},
		"a call outlasts the stop timeout":                                {nil, one, started(called("k1"), shutDown(0), explore.Step{Do: "outlast"}, answered("k1", ""))},
		"an answer comes right behind one that closes its connection": {[]string{"closes-on-unknown"}, two, started(called("k1"), called("k2"), explore.Step{Do: "answer", Call: "k2", How: "twice", Hold: true},
			shutDown(0), answered("k1", ""))},
		"a worker is replaced for a check with an error": {[]string{"replaces-hung-workers"}, explore.Options{Workers: 1, MaxInFlight: 1, CheckEvery: 20}, started(called("k1"), explore.Step{Do: "hang", Worker: 1},
			explore.Step{Do: "settle"}, explore.Step{Do: "unhang", Worker: 1, How: "error"}, explore.Step{Do: "settle"})},
		"calls have the slots of a dead worker, and none waits in the queue": {[]string{"waits-without-workers", "waiters-have-slots-of-dead-workers"}, explore.Options{Workers: 2, MaxInFlight: 2, Queue: 1},
			started(explore.Step{Do: "next", How: "slow"}, explore.Step{Do: "die", Worker: 1}, called("k1"), called("k2"), called("k3"), called("k4"), explore.Step{Do: "settle"})},
		"a call whose worker never comes back waits for its turn in Shutdown": {[]string{"waits-without-workers", "waiters-have-their-turn-in-shutdown"}, one,
			started(explore.Step{Do: "next", How: "slow"}, explore.Step{Do: "die", Worker: 1}, called("k1"), shutDown(0))},
		"a worker is ended for what cannot be read, beside another answer in Shutdown": {[]string{"connection-per-call", "ends-workers-that-send-oddities"}, two,
			started(called("k1"), called("k2"), shutDown(0), answered("k1", "garbage"), answered("k2", ""))},
		"a worker is ended for what cannot be read, beside another answer": {[]string{"connection-per-call", "ends-workers-that-send-oddities"}, two,
			started(called("k1"), called("k2"), answered("k1", "garbage"), answered("k2", ""), explore.Step{Do: "settle"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := playedOnPlainPool(t, 20*time.Second, c.quirks, c.o, c.steps...)
			for _, f := range e.Failures {
				t.Error(f.Text())
			}
		})
	}
}

// Each rule for what happens beside Start and Shutdown sees the fault that it is for.
func TestWhatIsWrongBesideStartAndShutdownIsTold(t *testing.T) {
	two := explore.Options{Workers: 1, MaxInFlight: 2}
	slow := explore.Step{Do: "start", How: "slow", Worker: 1}
	for _, c := range []struct {
		fault, clause, rule string
		steps               []explore.Step
	}{
		{"shutdown-waits-for-ever", "SHD-2", "hurried-shutdowns-return", started(called("k1"), shutDown(1), explore.Step{Do: "settle"})},
		{"drains-no-longer-than-the-stop-timeout", "SHD-2", "running-calls-finish-in-shutdown", started(called("k1"), shutDown(0), explore.Step{Do: "outlast"}, answered("k1", ""))},
		{"takes-calls-in-shutdown", "SHD-1", "calls-after-shutdown-are-closed", started(called("k1"), called("k2"), called("k3"), shutDown(0), explore.Step{Do: "settle"},
			answered("k2", ""), explore.Step{Do: "settle"}, called("k4"), explore.Step{Do: "settle"}, answered("k1", ""))},
		{"shutdown-waits-for-start", "SHD-7", "shutdown-ends-a-start", []explore.Step{slow, shutDown(0)}},
		{"starts-twice", "SHD-7", "two-starts-start-one-pool", []explore.Step{slow, {Do: "start"}, {Do: "ready"}}},
		{"calls-wait-for-the-start-whatever-their-context", "BPR-3", "ended-calls-return", []explore.Step{slow, called("k1"), {Do: "end-context", Call: "k1"}, {Do: "settle"}, {Do: "ready"}}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			e := playedOnPlainPool(t, 5*time.Second, []string{c.fault}, two, c.steps...)
			require.Len(t, e.Failures, 1)
			require.Equal(t, c.clause+"/"+c.rule, e.Failures[0].Failure.Clause+"/"+e.Failures[0].Failure.Rule, e.Failures[0].Text())
		})
	}
}

// A pool that something has happened to, or to which unusual things come: each rule sees the fault that it is for, and the
// same history accuses no pool without that fault.
func TestWhatIsWrongAfterTroubleIsToldAndWhatIsRightIsNot(t *testing.T) {
	two := explore.Options{Workers: 2, MaxInFlight: 2, CheckEvery: 20}
	alone := explore.Options{Workers: 1, MaxInFlight: 1}
	queue := explore.Options{Workers: 2, MaxInFlight: 1, Queue: 1}
	die, settle := explore.Step{Do: "die", Worker: 1}, explore.Step{Do: "settle"}
	failed := explore.Step{Do: "start", How: "exit", Worker: 1}
	next := func(how string) explore.Step { return explore.Step{Do: "next", How: how} }
	for _, c := range []struct {
		fault, clause, rule string
		options             explore.Options
		steps               []explore.Step
	}{
		{"restarted-workers-come-twice-in-the-round", "SEL-1", "calls-go-round", two, started(die, settle)},
		{"output-of-restarted-workers-is-not-read", "OUT-1", "output-is-read", two, started(die, settle)},
		{"a-second-start-keeps-the-workers-of-the-first", "HLT-3", "health-tells-the-workers", alone, append([]explore.Step{failed}, started()...)},
		{"a-second-start-gets-the-ended-life-of-the-first", "HLT-1", "each-worker-is-checked", two, append([]explore.Step{failed}, started(settle)...)},
		{"a-socket-file-is-a-start", "STA-1", "start-waits-for-all", alone, []explore.Step{{Do: "start", How: "bound", Worker: 1}, {Do: "ready"}}},
		{"a-socket-file-is-a-start", "HLT-3", "workers-that-do-not-listen-are-not-healthy", explore.Options{Workers: 2, MaxInFlight: 2},
			started(next("bound"), die, settle, explore.Step{Do: "health"}, settle)},
		{"shutdown-before-start-does-nothing", "SHD-1", "calls-after-shutdown-are-closed", alone, []explore.Step{{Do: "shutdown"}, called("k1")}},
		{"shutdown-before-start-does-nothing", "SHD-1", "calls-after-shutdown-are-closed", alone, []explore.Step{failed, {Do: "shutdown"}, called("k1")}},
		{"shutdown-waits-for-the-delay-of-a-restart", "SHD-5", "shutdown-returns", explore.Options{Workers: 2, MaxInFlight: 1, CheckEvery: 20, RestartIn: 60_000},
			started(next("exit"), die, settle)},
		{"a-queue-for-each-worker", "BPR-6", "calls-over-the-queue-are-refused", queue, started(called("k1"), called("k2"), called("k3"), called("k4"), settle)},
		{"the-queue-counts-those-that-run", "BPR-6", "calls-within-the-queue-wait", explore.Options{Workers: 1, MaxInFlight: 1, Queue: 2}, started(called("k1"), called("k2"), called("k3"), settle)},
		{"no-cancellations-once-shutdown-has-begun", "CAN-2", "cancelled-calls-send-a-cancellation", explore.Options{Workers: 1, MaxInFlight: 2},
			started(called("k1"), called("k2"), explore.Step{Do: "shutdown"}, explore.Step{Do: "end-context", Call: "k1"}, settle)},
		{"a-writer-that-fails-ends-the-reading", "OUT-1", "output-is-read", explore.Options{Workers: 1, MaxInFlight: 1, Output: "fails"}, started(explore.Step{Do: "print", Worker: 1, Size: 200_000}, settle)},
		{"", "", "", explore.Options{Workers: 2, MaxInFlight: 1, Program: "missing"}, []explore.Step{{Do: "start"}, called("k1"), settle, {Do: "start"}, {Do: "shutdown"}}},
		{"a-last-line-without-its-end-is-lost", "STA-6", "failed-starts-say-why", alone, []explore.Step{failed}},
		{"an-error-field-means-failure", "MSG-4", "calls-end-for-a-reason", alone, started(called("k1"), explore.Step{Do: "answer", Call: "k1", How: "more", More: `"error":"no"`}, settle)},
		{"other-types-make-no-envelope", "MSG-3", "answers-reach-their-caller", alone, started(called("k1"), answered("k1", "note"), settle)},
		{"bodies-are-made-compact-without-regard-to-escapes", "MSG-7", "bodies-arrive-equal", alone, started(explore.Step{Do: "call", Call: "k1", Body: `"\" b"`}, settle)},
		{"cancelled-calls-tell-no-reason", "CAN-1", "contexts-end-calls-with-their-error", two, started(die, settle, called("k1"), explore.Step{Do: "end-context", Call: "k1"}, settle)},
		{"a-queue-for-each-worker", "BPR-6", "calls-over-the-queue-are-refused", queue, started(die, settle, called("k1"), called("k2"), called("k3"), called("k4"), settle)},
		{"", "", "", two, started(die, settle, called("k1"), explore.Step{Do: "die", Worker: 3}, settle, explore.Step{Do: "die", Worker: 2}, settle, called("k2"), answered("k2", ""), settle,
			called("k3"), explore.Step{Do: "end-context", Call: "k3"}, settle, explore.Step{Do: "health"}, settle)},
		{"", "", "", two, started(next("exit"), die, settle, next("slow"), explore.Step{Do: "die", Worker: 2}, settle, explore.Step{Do: "health"}, explore.Step{Do: "ready"})},
		{"", "", "", queue, started(called("k1"), called("k2"), called("k3"), called("k4"), called("k5"), settle, answered("k1", ""), settle, called("k6"), settle)},
	} {
		t.Run(cmp.Or(c.fault, "nothing"), func(t *testing.T) {
			t.Parallel()
			right := playedOnPlainPool(t, 20*time.Second, nil, c.options, c.steps...)
			for _, f := range right.Failures {
				t.Error(f.Text())
			}
			if c.fault == "" {
				return
			}
			e := playedOnPlainPool(t, 5*time.Second, []string{c.fault}, c.options, c.steps...)
			require.Len(t, e.Failures, 1)
			require.Equal(t, c.clause+"/"+c.rule, e.Failures[0].Failure.Clause+"/"+e.Failures[0].Failure.Rule, e.Failures[0].Text())
		})
	}
}
