package main

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/goleak"
)

// holdings are what this process holds before the soak.
type holdings struct {
	descriptors map[string]int // by what they are of
	goroutines  goleak.Option
}

// takeHoldings makes use of the network once, so that what the runtime keeps for that is there already.
func takeHoldings(dir string) (*holdings, error) {
	listener, err := net.Listen("unix", filepath.Join(dir, "first"))
	if err != nil {
		return nil, fmt.Errorf("the folder for temporary files, %s, takes no socket: set TMPDIR to a short one: %w", dir, err)
	}
	_ = listener.Close()
	descriptors, err := openDescriptors()
	return &holdings{descriptors, goleak.IgnoreCurrent()}, err
}

// remains is something that is left.
type remains struct{ what, which string }

// left is what is there that was not there before. Processes among it are killed once they are known, for
// they are this soak's.
func (h *holdings) left(p *place) []remains {
	var left []remains
	add := func(what string, which ...string) {
		for _, w := range which {
			left = append(left, remains{what, w})
		}
	}
	for _, o := range ownProcesses(p.mark, true) {
		add("a process", o.String())
		o.kill()
	}
	if err := goleak.Find(h.goroutines); err != nil {
		add("a goroutine", err.Error())
	}
	now, err := openDescriptors()
	if err != nil {
		add("a descriptor", err.Error())
	}
	for _, of := range slices.Sorted(maps.Keys(now)) {
		if more := now[of] - h.descriptors[of]; more > 0 {
			add("a descriptor", fmt.Sprintf("%d more of %s", more, of))
		}
	}
	add("a file", filesIn(p.sockets())...)
	add("a file", filesIn(p.journals())...)
	add("a socket", boundSockets(p.dir)...)
	return left
}

// openDescriptors counts those of this process by what they are of. A socket or pipe is named without its
// number, which differs for each.
func openDescriptors() (map[string]int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, e := range entries {
		of, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || of == "anon_inode:[eventpoll]" || of == "anon_inode:[eventfd]" || strings.HasPrefix(of, "/proc/") {
			continue // the reading of the folder itself, and what the runtime keeps
		}
		of, _, _ = strings.Cut(of, ":[")
		count[of]++
	}
	return count, nil
}

// filesIn are all files and folders below a folder.
func filesIn(dir string) []string {
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		found = append(found, err.Error())
	}
	return found
}

// boundSockets are the paths below dir at which somebody still listens.
func boundSockets(dir string) []string {
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 7 && strings.HasPrefix(fields[7], dir) && !slices.Contains(found, fields[7]) {
			found = append(found, fields[7])
		}
	}
	return found
}

// process is one that belongs to this soak.
type process struct {
	pid     int
	handle  *os.Process
	command string
	part    string // of the soak
}

func (p process) String() string { return fmt.Sprintf("%d (%s) of %s", p.pid, p.command, p.part) }

func (p process) kill() {
	if p.handle != nil {
		_ = p.handle.Kill()
		_ = p.handle.Release()
	}
}

// ownProcesses are those that have the mark in their environment and, if asked for, all children of this process.
func ownProcesses(mark string, children bool) []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []process{{command: err.Error()}}
	}
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		part, marked := markOf(pid, mark)
		command, parent := commandOf(pid)
		if !marked && (!children || parent != os.Getpid()) {
			continue
		}
		handle, err := os.FindProcess(pid)
		if again, still := markOf(pid, mark); err != nil || again != part || still != marked {
			continue // it ended meanwhile
		}
		found = append(found, process{pid, handle, command, part})
	}
	return found
}

// markOf is the part that a process belongs to, and whether it belongs to the soak at all.
func markOf(pid int, mark string) (part string, marked bool) {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return "", false
	}
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		value, ok := strings.CutPrefix(variable, markVariable+"=")
		if ok && strings.HasPrefix(value, mark) {
			_, part, _ = strings.Cut(value, " ")
			return part, true
		}
	}
	return "", false
}

// commandOf is the name of a process's program, and its parent.
func commandOf(pid int) (command string, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	text := string(stat)
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return "", 0
	}
	if fields := strings.Fields(text[to+1:]); len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1])
	}
	return text[from+1 : to], parent
}

// signalOwn sends a signal to a process if it is one of this soak: its ID may be another's by now.
func signalOwn(pid int, mark string, signal syscall.Signal) bool {
	if pid == 0 {
		return false
	}
	handle, err := os.FindProcess(pid) // holds on to the process, not to its ID
	if err != nil {
		return false
	}
	defer func() { _ = handle.Release() }()
	if _, own := markOf(pid, mark); !own {
		return false
	}
	return handle.Signal(signal) == nil
}

// residentBytes is the memory of a process, 0 if it has ended.
func residentBytes(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages * os.Getpagesize())
}
