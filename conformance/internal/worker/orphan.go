package worker

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func orphanCases() []testCase {
	return []testCase{
		{
			Name: "orphan-ends", Clauses: []string{"WRK-19"}, Early: true,
			Cause: "The worker does not watch whether its parent is alive, so a pool that was killed leaves its workers behind for ever.",
			Run:   orphanEnds,
		},
		{
			Name: "orphan-that-is-idle-ends", Clauses: []string{"WRK-19"}, Early: true,
			Cause: "The worker looks whether its parent is alive only while it has something to do.",
			Run:   orphanThatIsIdleEnds,
		},
		{
			Name: "orphan-that-has-just-started-ends-with-its-lifeline", Clauses: []string{"WRK-19"}, Early: true,
			Cause: "The worker looks at its lifeline only once it listens or has served, or not to its end.",
			Run:   orphanThatHasJustStartedEndsWithItsLifeline,
		},
	}
}

// orphanLimit is the time that [WRK-19] allows.
const orphanLimit = 5 * time.Second

// startsInTheBackground is a shell command that starts the worker with its own standard input and waits for it.
var startsInTheBackground = []string{"/bin/sh", "-c", `exec 4<&0; "$0" "$@" <&4 4<&- & exec 4<&-; wait`}

// startedByAShell is a launch in which a shell starts the worker, with a lifeline or without one.
func startedByAShell(unaided bool) launch {
	return launch{wrapper: startsInTheBackground, unaided: unaided}
}

// orphanEnds starts the worker from a shell and kills the shell, while a handler runs: that must not keep the process. There
// is no lifeline.
func orphanEnds(t *T) { t.orphanWith(func(q *peer) { q.ask("sleep", t.endlessSleep()) }) }

// orphanThatIsIdleEnds kills the shell when the worker has served one call, so that it has had the time to look who its parent
// is, and nothing more comes.
func orphanThatIsIdleEnds(t *T) { t.orphanWith(func(*peer) {}) }

func (t *T) orphanWith(busy func(*peer)) {
	p := t.launch(startedByAShell(true))
	if err := p.ready(); err != nil {
		t.Blocked("%v", err)
	}
	q := p.connectServed(t.anyFraming())
	got := q.call(setUp, "pid", "null")
	pid, err := wire.WholeNumber(got.Body)
	if err != nil || !p.isWithin(pid) || pid == p.cmd.Process.Pid {
		t.Blocked("`pid` does not tell the process that the shell %d started [WRK-21]: %s", p.cmd.Process.Pid, got.Body)
	}
	busy(q)
	p.orphan()
	p.mustBeGone([]int{pid}, orphanLimit+t.Patience())
}

// orphan kills the shell that started the worker. To the worker the shell is the pool, so its lifeline ends as well.
func (p *process) orphan() {
	p.t.Note("suite", "kills process %d, which started the worker", p.cmd.Process.Pid)
	p.signal(syscall.SIGKILL)
	<-p.exited // the pipe of its standard input is closed now too
	_ = p.lifeline.Close()
}

// mustBeGone waits until the processes of the worker have ended.
func (p *process) mustBeGone(pids []int, limit time.Duration) {
	gone := func() bool { return !slices.ContainsFunc(pids, runs) }
	if !p.t.SettleWithin(limit, gone) {
		if p.t.Context().Err() != nil {
			p.t.Blocked("the case ran out of time while it waited for the worker to end")
		}
		left := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !runs(pid) })
		p.t.Fail("WRK-19", "a worker that is gone 5 s after the process that started it", "process %d still runs %v later", left[0], limit)
	}
}

// runs reports whether the process runs. A zombie has ended; only its new parent is slow.
func runs(pid int) bool {
	one, ok := proc.Of(pid)
	return ok && !strings.HasPrefix(one.State, "Z")
}

// orphanThatHasJustStartedEndsWithItsLifeline kills the shell as soon as it has started the worker, which then has no parent
// to look at any more. That says something only of a worker that knows the lifeline, so the case finds out first whether
// the worker ends with it while the process that started it lives.
func orphanThatHasJustStartedEndsWithItsLifeline(t *T) {
	began := time.Now()
	first := t.launch(launch{})
	if err := first.ready(); err != nil {
		t.Blocked("%v", err)
	}
	start := time.Since(began)
	first.connectServed(t.anyFraming())
	_ = first.lifeline.Close()
	if _, ended := first.awaitExit(orphanLimit); !ended {
		t.Note("suite", "the worker does not end with its lifeline, so that it seems not to know it: nothing is demanded of it then")
		return
	}
	p := t.launch(startedByAShell(false))
	var started []int
	p.waitUntil(func() bool {
		started = slices.DeleteFunc(proc.Within(p.cmd.Process.Pid), func(pid int) bool { return pid == p.cmd.Process.Pid })
		return len(started) > 0 || p.ended()
	})
	if len(started) == 0 {
		t.Blocked("the shell %d is not seen to have started the worker%s", p.cmd.Process.Pid, p.exitSuffix())
	}
	t.Note("suite", "the worker is process %s", fmt.Sprint(started))
	p.orphan()
	p.mustBeGone(started, orphanLimit+t.Patience()+3*start)
}
