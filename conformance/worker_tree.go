package conformance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A worker may be started by a wrapper, and may have processes of its own: the suite looks at the tree of
// what it started.

// systemProcess is what the system tells of a process.
type systemProcess struct {
	parent int
	state  string        // begins with "Z" for a zombie
	used   time.Duration // of the processors; known on Linux only
	memory
}

// isWithin reports whether a process is the one that was started, or one that it started.
func (p *process) isWithin(pid int) bool { return isWithin(pid, p.cmd.Process.Pid) }

func isWithin(pid, ancestor int) bool {
	for range 100 { // generations; a table that changes meanwhile must not lead in circles
		if pid == ancestor {
			return true
		}
		one, ok := processOf(pid)
		if !ok || one.parent <= 1 {
			return false
		}
		pid = one.parent
	}
	return false
}

// processesWithin are the process and those that it started.
func processesWithin(pid int) (all []int) {
	for _, one := range allProcesses() {
		if isWithin(one, pid) {
			all = append(all, one)
		}
	}
	return all
}

// busy reports whether a thread of the process runs, or would if there were a processor for it.
func busy(pid int) bool {
	if runtime.GOOS != "linux" {
		one, _ := processOf(pid)
		return strings.HasPrefix(one.state, "R")
	}
	threads, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		if f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])); len(f) > 0 && f[0] == "R" {
			return true
		}
	}
	return false
}

// processOf tells of one process, false where there is none.
func processOf(pid int) (systemProcess, bool) {
	if runtime.GOOS == "linux" {
		return linuxProcess(filepath.Join("/proc", strconv.Itoa(pid)))
	}
	out, err := exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "ppid=,stat=,rss=").Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) != 3 {
		return systemProcess{}, false
	}
	parent, err1 := strconv.Atoi(f[0])
	kb, err2 := strconv.ParseInt(f[2], 10, 64)
	return systemProcess{parent: parent, state: f[1], memory: memory{resident: kb << 10}}, err1 == nil && err2 == nil
}

func linuxProcess(folder string) (systemProcess, bool) {
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return systemProcess{}, false
	}
	// Behind the name, which may hold anything: state, parent, …, the hundredths of seconds used by the
	// process (12th) and by the system for it (13th), …, resident pages (22nd).
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 22 {
		return systemProcess{}, false
	}
	parent, err1 := strconv.Atoi(f[1])
	own, err2 := strconv.ParseInt(f[11], 10, 64)
	system, err3 := strconv.ParseInt(f[12], 10, 64)
	pages, err4 := strconv.ParseInt(f[21], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return systemProcess{}, false
	}
	held := memory{resident: pages * int64(os.Getpagesize())}
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		return systemProcess{}, false
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmData:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return systemProcess{}, false
			}
			held.writable = kb << 10
		}
	}
	return systemProcess{parent: parent, state: f[0], used: time.Duration(own+system) * 10 * time.Millisecond, memory: held}, true
}

// allProcesses are the IDs of the processes of the system that can be seen.
func allProcesses() []int {
	var words []string
	if runtime.GOOS == "linux" {
		folders, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			return nil
		}
		for _, folder := range folders {
			words = append(words, filepath.Base(folder))
		}
	} else if out, err := exec.Command("ps", "-A", "-o", "pid=").Output(); err == nil {
		words = strings.Fields(string(out))
	}
	var pids []int
	for _, w := range words {
		if pid, err := strconv.Atoi(w); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
