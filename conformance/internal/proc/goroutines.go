package proc

import (
	"regexp"
	"runtime"
	"slices"
	"strings"
)

var goroutineLine = regexp.MustCompile(`^goroutine (\d+) `)

func Goroutines() map[string]string {
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

// OwnGoroutine is the ID of the goroutine that asks.
func OwnGoroutine() string {
	buf := make([]byte, 64)
	m := goroutineLine.FindStringSubmatch(string(buf[:runtime.Stack(buf, false)]))
	if m == nil {
		return ""
	}
	return m[1]
}

var stateOf = regexp.MustCompile(`^goroutine \d+ \[([^],]*)`)

// Halted reports whether the goroutine of that stack waits for another one, or for time.
func Halted(stack string) bool {
	m := stateOf.FindStringSubmatch(stack)
	if m == nil {
		return false
	}
	state, _, _ := strings.Cut(m[1], ".") // "sync.Mutex.Lock"
	return slices.Contains([]string{"select", "chan receive", "chan send", "sync", "semacquire", "sleep", "IO wait"}, state)
}
