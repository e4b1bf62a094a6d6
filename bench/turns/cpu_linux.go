package turns

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTimeOf reads the CPU clock of a process, exact to the nanosecond where /proc has ticks of 10 ms.
// Its clock ID is what clock_getcpuclockid(3) makes of a process ID.
func cpuTimeOf(pid int) time.Duration {
	const processClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|processClock), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
