package proc

import (
	"regexp"
	"runtime"
	"slices"
	"strings"
)

var goroutineLine = regexp.MustCompile(`^goroutine (\d+) `)

// Goroutines returns the stacks of all goroutines of this process, by ID.
func Goroutines() map[string]string {
	all := map[string]string{}
	for _, stack := range strings.Split(string(allStacks()), "\n\n") {
		if m := goroutineLine.FindStringSubmatch(stack); m != nil {
			all[m[1]] = stack
		}
	}
	return all
}

// OwnGoroutine returns the ID of the calling goroutine.
func OwnGoroutine() string {
	buf := make([]byte, 64)
	m := goroutineLine.FindStringSubmatch(string(buf[:runtime.Stack(buf, false)]))
	if m == nil {
		return ""
	}
	return m[1]
}

var stateOf = regexp.MustCompile(`^goroutine \d+ \[([^],]*)`)

// Halted reports whether the goroutine of that stack waits for another one, for input or output, or for time to pass.
func Halted(stack string) bool {
	m := stateOf.FindStringSubmatch(stack)
	if m == nil {
		return false
	}
	state, _, _ := strings.Cut(m[1], ".") // "sync.Mutex.Lock"
	return slices.Contains([]string{"select", "chan receive", "chan send", "sync", "semacquire", "sleep", "IO wait"}, state)
}
