package proc

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Holdings is what a process holds at one moment: goroutines, descriptors and, on Linux, child processes. A serial case
// compares two of them [STA-5, SHD-6].
type Holdings struct {
	goroutines  map[string]string // stack by ID
	descriptors map[string]string // what it leads to, by number
	children    map[int]string    // state by process ID
}

// TakeHoldings returns what this process holds.
func TakeHoldings() Holdings {
	return Holdings{Goroutines(), ownDescriptors(), children()}
}

// HoldingsOf returns the descriptors of another process and of its descendants, and those descendants. It reports false
// where no descriptor can be read.
func HoldingsOf(pid int) (h Holdings, known bool) {
	h = Holdings{descriptors: map[string]string{}, children: map[int]string{}}
	for _, one := range Within(pid) {
		if one != pid {
			stat, _ := readStat(folder(one))
			h.children[one] = stat.state
		}
		for number, target := range descriptorsOf(one) {
			h.descriptors[fmt.Sprintf("%s of process %d", number, one)] = target
			known = true
		}
	}
	return h, known
}

// children returns the states of the processes whose parent is this one, zombies included. It is empty on systems
// without /proc.
func children() map[int]string {
	all := map[int]string{}
	for _, pid := range pidsInProc() {
		if stat, err := readStat(folder(pid)); err == nil && stat.parent == os.Getpid() {
			all[pid] = stat.state
		}
	}
	return all
}

// Since returns, one line or stack for each, what is held now and was not held then. It leaves out the goroutine that
// takes the holdings.
func (h Holdings) Since(then Holdings) []string {
	var more []string
	for id, stack := range h.goroutines {
		if then.goroutines[id] == "" && !strings.Contains(stack, "proc.TakeHoldings") {
			more = append(more, firstLines(stack, 14))
		}
	}
	for number, target := range h.descriptors {
		if then.descriptors[number] != target {
			more = append(more, fmt.Sprintf("descriptor %s: %s", number, target))
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(h.children)) {
		if _, held := then.children[pid]; !held {
			more = append(more, fmt.Sprintf("child process %d, state %s", pid, h.children[pid]))
		}
	}
	slices.Sort(more)
	return more
}

func firstLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = append(lines[:n], "…")
	}
	return strings.Join(lines, "\n")
}
