package turns

import (
	"syscall"
	"time"
)

// CPUTime is the CPU time that processes have used so far, all their threads together, or without any
// this process's own. A process that ended, or a system that does not tell, counts as 0.
func CPUTime(processes ...int) time.Duration {
	if len(processes) == 0 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var sum time.Duration
	for _, pid := range processes {
		sum += cpuTimeOf(pid)
	}
	return sum
}
