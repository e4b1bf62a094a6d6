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
			Cause: "Nobody looks whether the parent still lives. A pool that was killed then leaves its workers behind for ever.",
			Run:   orphanEnds,
		},
	}
}

// orphanLimit is what [WRK-19] allows.
const orphanLimit = 5 * time.Second

// orphanEnds starts the worker from a shell and kills the shell.
func orphanEnds(t *T) {
	p := t.launch(launch{within: []string{"/bin/sh", "-c", `exec 3<&0; "$0" "$@" <&3 3<&- & exec 3<&-; wait`}})
	if err := p.ready(); err != nil {
		t.Blocked("%v", err)
	}
	q := p.connectServed(t.anyFraming())
	got := q.call(setUp, "pid", "null")
	pid, err := wire.WholeNumber(got.Body)
	if err != nil || !p.isWithin(pid) || pid == p.cmd.Process.Pid {
		t.Blocked("`pid` does not tell the process that the shell %d started [WRK-21]: %s", p.cmd.Process.Pid, got.Body)
	}
	// A handler that runs must not keep the process.
	q.ask("sleep", t.endlessSleep())
	t.Note("suite", "kills process %d, which started the worker %d", p.cmd.Process.Pid, pid)
	p.signal(syscall.SIGKILL)
	<-p.exited // and with it the pipe of its standard input
	gone := func() bool {
		w, ok := proc.Of(pid)
		return !ok || strings.HasPrefix(w.State, "Z") // a zombie is gone, and its new parent slow
	}
	timer := time.NewTimer(orphanLimit + t.Patience())
	defer timer.Stop()
	select {
	case <-q.done:
		t.Settle(gone)
	case <-timer.C:
	}
	if !gone() {
		t.Fail("WRK-19", "a worker that is gone 5 s after the process that started it", "process %d still runs %v later", pid, orphanLimit+t.Patience())
	}
}
