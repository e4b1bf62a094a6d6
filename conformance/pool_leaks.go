package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// holdings is what this process holds at one moment: its goroutines, its descriptors and, on Linux, its
// child processes. A serial case compares two of them [STA-5, SHD-6].
type holdings struct {
	goroutines  map[string]string // stack by ID
	descriptors map[string]string // what it is, by number
	children    map[string]string // state by process ID
}

func takeHoldings() holdings {
	return holdings{goroutines(), descriptors(), children()}
}

var goroutineLine = regexp.MustCompile(`^goroutine (\d+) `)

func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := map[string]string{}
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if m := goroutineLine.FindStringSubmatch(stack); m != nil {
			all[m[1]] = stack
		}
	}
	return all
}

// ownGoroutine is the ID of the goroutine that asks.
func ownGoroutine() string {
	buf := make([]byte, 64)
	m := goroutineLine.FindStringSubmatch(string(buf[:runtime.Stack(buf, false)]))
	if m == nil {
		return ""
	}
	return m[1]
}

var stateOf = regexp.MustCompile(`^goroutine \d+ \[([^],]*)`)

// halted reports whether the goroutine of that stack waits for another one, or for time.
func halted(stack string) bool {
	m := stateOf.FindStringSubmatch(stack)
	if m == nil {
		return false
	}
	state, _, _ := strings.Cut(m[1], ".") // "sync.Mutex.Lock"
	return slices.Contains([]string{"select", "chan receive", "chan send", "sync", "semacquire", "sleep", "IO wait"}, state)
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
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		end := bytes.LastIndexByte(text, ')')
		fields := strings.Fields(string(text[end+1:]))
		if len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
			all[filepath.Base(filepath.Dir(path))] = "state " + fields[0]
		}
	}
	return all
}

// since tells what is held now and was not held then. Which goroutines are the suite's own waiting
// ones is known by their stacks.
func (h holdings) since(then holdings) []string {
	var more []string
	for id, stack := range h.goroutines {
		if then.goroutines[id] == "" && !strings.Contains(stack, "conformance.takeHoldings") {
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

// givenBack demands that this process comes to hold nothing that it did not hold then.
func (t *poolT) givenBack(clause string, then holdings) {
	var more []string
	if !t.Settle(func() bool { more = takeHoldings().since(then); return len(more) == 0 }) {
		t.FailNow(clause, "every connection, goroutine, descriptor and process is given back",
			"after %v there are still:\n%s", t.patience, strings.Join(more[:min(len(more), 4)], "\n"))
	}
}
