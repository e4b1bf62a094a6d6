package proc

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
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

// Busy reports whether a thread of the process runs, or would run if a processor were free or a disk were faster. A
// process on a machine that is slow in either way is busy; one that waits for another process or for time to pass is not.
func Busy(pid int) bool {
	if !linux {
		p, _ := processFromPS(pid)
		return isBusy(p.State)
	}
	for _, thread := range threads(pid) {
		if stat, err := readStat(thread); err == nil && isBusy(stat.state) {
			return true
		}
	}
	return false
}

// Stopped reports whether every thread of the process is stopped by a signal. It reports true where there is no such process.
func Stopped(pid int) bool {
	if !linux {
		p, there := processFromPS(pid)
		return !there || strings.HasPrefix(p.State, "T")
	}
	for _, thread := range threads(pid) {
		if stat, err := readStat(thread); err == nil && stat.state != "T" && stat.state != "t" {
			return false
		}
	}
	return true
}

// isBusy knows the letters of Linux ("R" runs or is ready to, "D" waits for a disk) and of macOS ("U" for the latter).
func isBusy(state string) bool { return state != "" && strings.Contains("RDU", state[:1]) }

// Doing describes what the process and its descendants are about, one after the other: their IDs, command lines and
// states, and the processor time they have used. It is empty if there is no such process.
func Doing(pid int) string {
	var all []string
	for _, one := range slices.Sorted(slices.Values(Within(pid))) {
		p, ok := Of(one)
		if !ok {
			continue
		}
		doing := "sleeps"
		switch {
		case strings.HasPrefix(p.State, "Z"):
			doing = "has ended and was not waited for"
		case strings.HasPrefix(p.State, "T"):
			doing = "is stopped"
		case Busy(one):
			doing = "is at work or waits for a disk"
		}
		used := ""
		if linux {
			used = fmt.Sprintf(" and has used %v of processor time", p.Used)
		}
		all = append(all, fmt.Sprintf("process %d (%s) %s%s", one, commandLine(one), doing, used))
	}
	return strings.Join(all, ", ")
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

// commandLine returns the command line of a process as the system shows it; the start of a long one.
func commandLine(pid int) string {
	var line string
	if linux {
		line = commandLineInProc(pid)
	} else {
		out, _ := exec.Command("ps", "-p", fmt.Sprint(pid), "-o", "args=").Output()
		line = strings.TrimSpace(string(out))
	}
	const longest = 120
	if len(line) > longest {
		line = line[:longest] + "…"
	}
	return line
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
