package worker

import (
	"strings"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func orphanCases() []testCase {
	return []testCase{
		{
			Name: "orphan-ends", Clauses: []string{"WRK-19"},
			Cause: "The worker does not watch whether its parent is alive, so a pool that was killed leaves its workers behind for ever.",
			Run:   orphanEnds,
		},
	}
}

// orphanLimit is the time that [WRK-19] allows.
const orphanLimit = 5 * time.Second

// startsInTheBackground is a shell command that starts the worker with its own standard input and waits for it.
var startsInTheBackground = []string{"/bin/sh", "-c", `exec 3<&0; "$0" "$@" <&3 3<&- & exec 3<&-; wait`}

// orphanEnds starts the worker from a shell and kills the shell, while a handler runs: that must not keep the process.
func orphanEnds(t *T) {
	p := t.launch(launch{wrapper: startsInTheBackground})
	if err := p.ready(); err != nil {
		t.Blocked("%v", err)
	}
	q := p.connectServed(t.anyFraming())
	got := q.call(setUp, "pid", "null")
	pid, err := wire.WholeNumber(got.Body)
	if err != nil || !p.isWithin(pid) || pid == p.cmd.Process.Pid {
		t.Blocked("`pid` does not tell the process that the shell %d started [WRK-21]: %s", p.cmd.Process.Pid, got.Body)
	}
	q.ask("sleep", t.endlessSleep())
	t.Note("suite", "kills process %d, which started the worker %d", p.cmd.Process.Pid, pid)
	p.signal(syscall.SIGKILL)
	<-p.exited // the pipe of its standard input is closed now too
	ended := func() bool {
		w, ok := proc.Of(pid)
		return !ok || strings.HasPrefix(w.State, "Z") // a zombie has ended; only its new parent is slow
	}
	if t.WaitFor(orphanLimit+t.Patience(), q.done) {
		t.Settle(ended)
	}
	if !ended() {
		t.Fail("WRK-19", "a worker that is gone 5 s after the process that started it", "process %d still runs %v later", pid, orphanLimit+t.Patience())
	}
}
