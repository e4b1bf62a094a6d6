package suite

import (
	"context"
	"time"
)

// Await runs f in a goroutine and waits for it, for as long as the patience of the case lasts. A panic in f and a hang
// are findings of the clause and end the case. Only the case's own goroutine may call it.
func (t *T) Await(clause, doing string, f func()) { t.AwaitFor(t.patience, clause, doing, f) }

// AwaitFor is [T.Await] with another patience.
func (t *T) AwaitFor(patience time.Duration, clause, doing string, f func()) {
	done := make(chan struct{})
	returned := false
	go func() {
		defer close(done)
		returned = t.Protect(clause, doing, f)
	}()
	if !t.WaitFor(patience, done) {
		t.FailNow(clause, doing+" comes back", "nothing after %v", patience)
	}
	if !returned {
		leave()
	}
}

// WaitFor waits until done is closed, for as long as the patience lasts, and reports whether it was closed. It ends the
// case when the whole run is over.
func (t *T) WaitFor(patience time.Duration, done <-chan struct{}) bool {
	timer := NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-t.Stopped():
		t.Stop()
		return false
	case <-timer.C:
		return false
	}
}

// Settle calls ok at short intervals until it returns true, for as long as the patience of the case lasts. It reports
// whether ok returned true. It is for what gives no event to wait for, such as the state of another process.
func (t *T) Settle(ok func() bool) bool { return t.SettleWithin(t.patience, ok) }

// SettleWithin is [T.Settle] with another patience.
func (t *T) SettleWithin(patience time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ok()
		case <-tick.C:
		}
	}
	return true
}

// Stopped returns a channel that is closed when the whole run is over.
func (t *T) Stopped() <-chan struct{} { return t.run.Done() }

// Stop ends the case because the whole run is over. Only the case's own goroutine may call it.
func (t *T) Stop() { t.Blocked(runEnded) }

// runEnded is the reason of a case that was running when the whole run was ended.
const runEnded = "the run was ended while this case was running"

// ToEnd returns how long to wait for something to end once the case has ended: the patience, or less if the whole run
// was ended, because whoever ended it does not want to wait.
func (t *T) ToEnd(patience time.Duration) time.Duration {
	if t.run.Err() != nil {
		return 400 * time.Millisecond
	}
	return patience
}
