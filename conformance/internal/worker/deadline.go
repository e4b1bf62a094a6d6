package worker

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// deadline is how long to wait for what the worker must do. Where the patience of the run is over and the
// worker is still at work, it goes on for a while: on a machine that is slow or shared things take longer, and
// slowness is no fault. A worker that waits for something itself is given nothing.
type deadline struct {
	C     <-chan time.Time // fires when it is time to ask whether the deadline is over
	timer *time.Timer
	p     *process
	limit time.Duration
	more  int           // how often it may go on
	used  time.Duration // processor time of the worker when it was last looked at, 0 before
}

// deadline begins to run at once. A limit below the patience is kept to.
func (p *process) deadline(limit time.Duration) *deadline {
	d := &deadline{p: p, limit: limit, timer: time.NewTimer(limit)}
	d.C = d.timer.C
	if limit >= p.t.Patience() {
		d.more = 20
	}
	return d
}

func (d *deadline) stop() { d.timer.Stop() }

// restart begins anew, with part of the limit gone.
func (d *deadline) restart(gone time.Duration) {
	d.timer.Reset(d.limit - gone)
	d.used = 0
}

// over is asked when C has fired. Where it is not over, C fires again later. Whoever asks looks once more for
// what was awaited: it may have come while the suite itself had to wait for a processor.
func (d *deadline) expired() bool {
	if d.more == 0 || d.p.ended() {
		return true
	}
	part := d.limit / 4
	used := d.p.cpuTime()
	if d.used > 0 && used-d.used < part/50 || used == 0 {
		return true
	}
	d.more--
	d.used = used
	d.timer.Reset(part)
	return false
}

// settle waits until ok holds, looking again and again, ever less often so that looking does not count as
// work of the worker. It reports whether ok came to hold.
func (p *process) waitUntil(ok func() bool) bool {
	d := p.deadline(p.t.Patience())
	defer d.stop()
	for pause := 2 * time.Millisecond; !ok(); pause = min(2*pause, 60*time.Millisecond) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-d.C:
			if d.expired() {
				return ok()
			}
		case <-p.t.Context().Done():
			return ok()
		}
		timer.Stop()
	}
	return true
}

// cpuTime is what the worker and the processes that it started have used, 0 where that is not known.
func (p *process) cpuTime() time.Duration {
	var sum time.Duration
	for _, pid := range proc.All() {
		if p.isWithin(pid) {
			one, _ := proc.Of(pid)
			sum += one.Used
		}
	}
	return sum
}
