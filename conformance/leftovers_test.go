package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// holdsNow are the sockets and the child processes of this process, dead ones that nobody has reaped
// included. Where there is no /proc, nothing is known of them.
func holdsNow() []string {
	var all []string
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	for _, d := range descriptors {
		if what, err := os.Readlink(d); err == nil && strings.HasPrefix(what, "socket:") {
			all = append(all, what)
		}
	}
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, t := range tasks {
		if pids, err := os.ReadFile(t); err == nil {
			for pid := range strings.FieldsSeq(string(pids)) {
				all = append(all, "child process "+pid)
			}
		}
	}
	return all
}

// leftBehind is what the tests have left that was not there before: neither the suite nor the
// implementations in it may keep a connection or a worker.
func leftBehind(before []string) []string {
	return slices.DeleteFunc(holdsNow(), func(what string) bool { return slices.Contains(before, what) })
}
