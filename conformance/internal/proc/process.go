package proc

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Process is what the system knows of a process at one moment.
type Process struct {
	State  string        // begins with "Z" for a zombie
	Used   time.Duration // processor time; 0 on systems other than Linux
	Memory               // that it holds now

	parent int
}

// Memory is what a process holds, in bytes. Writable memory was reserved and may not have been touched yet; it is 0 on
// systems other than Linux.
type Memory struct{ Resident, Writable int64 }

// Peak is the most memory that a process and its descendants ever held, in bytes. Reserved memory may not have been
// touched.
type Peak struct{ Resident, Reserved int64 }

// Most returns the larger of the two.
func (p Peak) Most() int64 { return max(p.Resident, p.Reserved) }

// linux says that there is a /proc to read.
const linux = runtime.GOOS == "linux"

// Of returns what is known of a process. It reports false if there is none.
func Of(pid int) (Process, bool) {
	if !linux {
		return processFromPS(pid)
	}
	stat, err := readStat(folder(pid))
	if err != nil {
		return Process{}, false
	}
	status, err := readStatus(pid)
	if err != nil {
		return Process{}, false
	}
	return Process{
		State: stat.state, Used: stat.used, parent: stat.parent,
		Memory: Memory{Resident: stat.resident, Writable: status.writable},
	}, true
}

// All returns the IDs of the processes that can be seen.
func All() []int {
	if linux {
		return pidsInProc()
	}
	var pids []int
	for pid := range parentsFromPS() {
		pids = append(pids, pid)
	}
	return pids
}

// Within returns the IDs of the process and of its descendants. A program may be started by a wrapper, and may start
// others itself.
func Within(pid int) (all []int) {
	parents := parents()
	for one := range parents {
		if descends(one, pid, func(pid int) (int, bool) { parent, ok := parents[pid]; return parent, ok }) {
			all = append(all, one)
		}
	}
	return all
}

// IsWithin reports whether pid is the ancestor or one of its descendants.
func IsWithin(pid, ancestor int) bool { return descends(pid, ancestor, parentOf) }

// descends follows parents up from pid to the ancestor.
func descends(pid, ancestor int, parentOf func(pid int) (int, bool)) bool {
	for range 100 { // generations: IDs that are used again meanwhile must not lead in circles
		if pid == ancestor {
			return true
		}
		parent, ok := parentOf(pid)
		if !ok || parent <= 1 {
			return false
		}
		pid = parent
	}
	return false
}

// parents returns the parent of each process that can be seen.
func parents() map[int]int {
	if !linux {
		return parentsFromPS()
	}
	all := map[int]int{}
	for _, pid := range pidsInProc() {
		if stat, err := readStat(folder(pid)); err == nil {
			all[pid] = stat.parent
		}
	}
	return all
}

func parentOf(pid int) (int, bool) {
	if !linux {
		p, ok := processFromPS(pid)
		return p.parent, ok
	}
	stat, err := readStat(folder(pid))
	return stat.parent, err == nil
}

// Busy reports whether a thread of the process runs, or would run if a processor were free.
func Busy(pid int) bool {
	if !linux {
		p, _ := processFromPS(pid)
		return strings.HasPrefix(p.State, "R")
	}
	for _, thread := range threads(pid) {
		if stat, err := readStat(thread); err == nil && stat.state == "R" {
			return true
		}
	}
	return false
}

// StartTime returns when a process was started, to a hundredth of a second. It returns the present where that is not
// known.
func StartTime(pid int) time.Time {
	now := time.Now()
	stat, err := readStat(folder(pid))
	if err != nil {
		return now
	}
	up, err := uptime()
	if err != nil {
		return now
	}
	return now.Add(stat.started - up)
}

// PeakOf returns the sum of the peaks of a process and its descendants. It reports false where the system does not say.
func PeakOf(pid int) (sum Peak, known bool) {
	if !linux {
		return sum, false
	}
	for _, one := range Within(pid) {
		status, err := readStatus(one)
		if errors.Is(err, errMalformed) {
			return Peak{}, false
		}
		if err != nil || !status.hasPeak {
			continue // it has ended meanwhile
		}
		known = true
		sum.Resident += status.peakResident
		sum.Reserved += status.peakReserved
	}
	return sum, known
}

// processFromPS asks ps about one process.
func processFromPS(pid int) (Process, bool) {
	out, err := exec.Command("ps", "-p", fmt.Sprint(pid), "-o", "ppid=,stat=,rss=").Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) != 3 {
		return Process{}, false
	}
	parent, err1 := strconv.Atoi(f[0])
	kb, err2 := strconv.ParseInt(f[2], 10, 64)
	return Process{parent: parent, State: f[1], Memory: Memory{Resident: kb << 10}}, err1 == nil && err2 == nil
}

// parentsFromPS asks ps about all processes.
func parentsFromPS() map[int]int {
	all := map[int]int{}
	out, _ := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		pid, err1 := strconv.Atoi(f[0])
		parent, err2 := strconv.Atoi(f[1])
		if err1 == nil && err2 == nil {
			all[pid] = parent
		}
	}
	return all
}
