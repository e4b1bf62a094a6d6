package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleepUntil sleeps in the kernel, for Go's own timers come up to a millisecond late in a process that is otherwise idle.
func sleepUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		t := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&t, nil) // cut short by a signal, it sleeps again
	}
}
