package proc

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

// Memory is what a process holds, in bytes. Writable memory was asked for and may not have been touched
// yet; it is known on Linux only.
type Memory struct{ Resident, Writable int64 }

// A worker may be started by a wrapper, and may have processes of its own: the suite looks at the tree of
// what it started.

// Process is what the system tells of a process.
type Process struct {
	parent int
	State  string        // begins with "Z" for a zombie
	Used   time.Duration // of the processors; known on Linux only
	Memory
}

func IsWithin(pid, ancestor int) bool {
	for range 100 { // generations; a table that changes meanwhile must not lead in circles
		if pid == ancestor {
			return true
		}
		one, ok := Of(pid)
		if !ok || one.parent <= 1 {
			return false
		}
		pid = one.parent
	}
	return false
}

// Within are the process and those that it started.
func Within(pid int) (all []int) {
	for _, one := range All() {
		if IsWithin(one, pid) {
			all = append(all, one)
		}
	}
	return all
}

// Busy reports whether a thread of the process runs, or would if there were a processor for it.
func Busy(pid int) bool {
	if runtime.GOOS != "linux" {
		one, _ := Of(pid)
		return strings.HasPrefix(one.State, "R")
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

// Of tells of one process, false where there is none.
func Of(pid int) (Process, bool) {
	if runtime.GOOS == "linux" {
		return linuxProcess(filepath.Join("/proc", strconv.Itoa(pid)))
	}
	out, err := exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "ppid=,stat=,rss=").Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) != 3 {
		return Process{}, false
	}
	parent, err1 := strconv.Atoi(f[0])
	kb, err2 := strconv.ParseInt(f[2], 10, 64)
	return Process{parent: parent, State: f[1], Memory: Memory{Resident: kb << 10}}, err1 == nil && err2 == nil
}

func linuxProcess(folder string) (Process, bool) {
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return Process{}, false
	}
	// Behind the name, which may hold anything: state, parent, …, the hundredths of seconds used by the
	// process (12th) and by the system for it (13th), …, resident pages (22nd).
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 22 {
		return Process{}, false
	}
	parent, err1 := strconv.Atoi(f[1])
	own, err2 := strconv.ParseInt(f[11], 10, 64)
	system, err3 := strconv.ParseInt(f[12], 10, 64)
	pages, err4 := strconv.ParseInt(f[21], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return Process{}, false
	}
	held := Memory{Resident: pages * int64(os.Getpagesize())}
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		return Process{}, false
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmData:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return Process{}, false
			}
			held.Writable = kb << 10
		}
	}
	return Process{parent: parent, State: f[0], Used: time.Duration(own+system) * 10 * time.Millisecond, Memory: held}, true
}

// All are the IDs of the processes of the system that can be seen.
func All() []int {
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
