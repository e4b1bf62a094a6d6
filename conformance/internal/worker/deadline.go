package worker

import (
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// deadline limits how long a case waits for something that the worker must do.
//
// A limit of the case's patience or more is extended while the worker uses processor time, or waits for a processor or a
// disk: on a slow or shared machine everything takes longer, and no clause says how fast a worker must be. A worker that
// itself waits gets no extension. A shorter limit is never extended.
type deadline struct {
	C          <-chan time.Time // fires when it is time to call expired
	timer      *time.Timer
	p          *process
	limit      time.Duration
	extensions int           // how many are left
	looked     bool          // used is known
	used       time.Duration // the worker's processor time when an extension's length of the time was left
}

// deadline returns a deadline that runs from now on.
func (p *process) deadline(limit time.Duration) *deadline {
	d := &deadline{p: p, limit: limit}
	if limit >= p.t.Patience() {
		d.extensions = 20
	}
	d.timer = time.NewTimer(d.firstLook())
	d.C = d.timer.C
	return d
}

func (d *deadline) stop() { d.timer.Stop() }

// restart lets the limit run anew, as if it had begun that long ago.
func (d *deadline) restart(elapsed time.Duration) {
	d.timer.Reset(d.firstLook() - elapsed)
	d.looked = false
}

// extension is how long a deadline is extended at a time.
func (d *deadline) extension() time.Duration { return d.limit / 4 }

// firstLook returns after what time C fires first: an extension's length before the limit, if there can be one.
func (d *deadline) firstLook() time.Duration {
	if d.extensions == 0 {
		return d.limit
	}
	return d.limit - d.extension()
}

// expired reports whether the deadline is over, when C has fired. If it is not, C fires again later. The caller then looks
// once more for what it waits for, which may have come while the suite itself waited for a processor.
func (d *deadline) expired() bool {
	if d.extensions > 0 && !d.looked {
		d.looked, d.used = true, d.p.cpuTime()
		d.timer.Reset(d.extension())
		return false
	}
	if d.extensions == 0 || d.p.ended() {
		return true
	}
	used := d.p.cpuTime()
	idle := used == 0 || used-d.used < d.extension()/50
	if idle && !slices.ContainsFunc(d.p.processes(), proc.Busy) {
		return true
	}
	d.extensions--
	d.used = used
	d.timer.Reset(d.extension())
	return false
}

// waitFor waits until done is closed and reports whether it was. It gives up when a [deadline] of that limit expires or the
// case runs out of time.
func (p *process) waitFor(limit time.Duration, done <-chan struct{}) bool {
	d := p.deadline(limit)
	defer d.stop()
	for expired := false; !expired && !isClosed(done); {
		select {
		case <-done:
		case <-d.C:
			expired = d.expired()
		case <-p.t.Context().Done():
			expired = true
		}
	}
	return isClosed(done)
}

// waitUntil calls ok until it returns true, and reports whether it did. It gives up when a [deadline] of the case's patience
// expires or the case runs out of time. It calls ok less and less often, so that a worker that is asked something by ok
// seems not to be at work because of that.
func (p *process) waitUntil(ok func() bool) bool {
	d := p.deadline(p.t.Patience())
	defer d.stop()
	began := time.Now()
	for pause := 2 * time.Millisecond; !ok(); pause = min(2*pause, max(60*time.Millisecond, time.Since(began)/40)) {
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

// cpuTime returns the processor time that the worker and the processes that it started have used, 0 if that is not known.
func (p *process) cpuTime() time.Duration {
	var sum time.Duration
	for _, pid := range p.processes() {
		one, _ := proc.Of(pid)
		sum += one.Used
	}
	return sum
}

// processes returns the IDs of the worker's process and of those that it started.
func (p *process) processes() []int { return proc.Within(p.cmd.Process.Pid) }
