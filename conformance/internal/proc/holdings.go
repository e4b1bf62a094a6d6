package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Holdings is what this process holds at one moment: its goroutines, its descriptors and, on Linux, its
// child processes. A serial case compares two of them [STA-5, SHD-6].
type Holdings struct {
	goroutines  map[string]string // stack by ID
	descriptors map[string]string // what it is, by number
	children    map[string]string // state by process ID
}

func TakeHoldings() Holdings {
	return Holdings{Goroutines(), descriptors(), children()}
}

// HoldingsOf are the descriptors of another process and those that it started, and these processes.
func HoldingsOf(pid int) (h Holdings, known bool) {
	h = Holdings{descriptors: map[string]string{}, children: map[string]string{}}
	for _, one := range Within(pid) {
		if one != pid {
			h.children[fmt.Sprint(one)] = "state " + stat(fmt.Sprint(one))[statState]
		}
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", one))
		for _, name := range all {
			if what, err := os.Readlink(name); err == nil {
				h.descriptors[fmt.Sprintf("%s of process %d", filepath.Base(name), one)] = what
				known = true
			}
		}
	}
	return h, known
}

func descriptors() map[string]string {
	all := map[string]string{}
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		d, err := os.Open(dir)
		if err != nil {
			continue
		}
		own := fmt.Sprint(d.Fd())
		names, _ := d.Readdirnames(-1)
		_ = d.Close()
		for _, name := range names {
			if name == own {
				continue
			}
			what, err := os.Readlink(filepath.Join(dir, name))
			if err != nil {
				what = "open"
			}
			all[name] = what
		}
		return all
	}
	return all
}

// children are the processes whose parent is this one, those that wait to be reaped included. Where
// there is no /proc nothing is known of them.
func children() map[string]string {
	all := map[string]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid := filepath.Base(dir)
		if f := stat(pid); f[statParent] == fmt.Sprint(os.Getpid()) {
			all[pid] = "state " + f[statState]
		}
	}
	return all
}

// Fields of /proc/<pid>/stat, counted from the one after the name.
const (
	statState  = 0
	statParent = 1
	statStart  = 19 // in hundredths of a second since the machine came up
	statFields = 20
)

func stat(pid string) (fields [statFields]string) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err == nil {
		copy(fields[:], strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])))
	}
	return fields
}

// StartTime tells when a process was started; where there is no /proc, that is now.
func StartTime(pid int) time.Time {
	now := time.Now()
	start, err := strconv.ParseFloat(stat(fmt.Sprint(pid))[statStart], 64)
	if err != nil {
		return now
	}
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return now
	}
	up, _, _ := strings.Cut(string(text), " ")
	uptime, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return now
	}
	return now.Add(-time.Duration((uptime - start/100) * float64(time.Second)))
}

// Since tells what is held now and was not held then. Which goroutines are the suite's own waiting
// ones is known by their stacks.
func (h Holdings) Since(then Holdings) []string {
	var more []string
	for id, stack := range h.goroutines {
		if then.goroutines[id] == "" && !strings.Contains(stack, "proc.TakeHoldings") {
			more = append(more, clipLines(stack, 14))
		}
	}
	for number, what := range h.descriptors {
		if then.descriptors[number] != what {
			more = append(more, fmt.Sprintf("descriptor %s: %s", number, what))
		}
	}
	for pid, state := range h.children {
		if then.children[pid] == "" {
			more = append(more, fmt.Sprintf("child process %s, %s", pid, state))
		}
	}
	slices.Sort(more)
	return more
}

func clipLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = append(lines[:n], "…")
	}
	return strings.Join(lines, "\n")
}
