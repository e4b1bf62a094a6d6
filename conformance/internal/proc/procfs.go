package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// root is where Linux describes its processes.
const root = "/proc"

// folder returns where the process is described.
func folder(pid int) string { return filepath.Join(root, strconv.Itoa(pid)) }

// stat is what the file "stat" says of a process or a thread.
type stat struct {
	state    string // one letter: "R" runs or is ready to run, "D" waits for a disk, "Z" is a zombie
	parent   int
	used     time.Duration // processor time, its own and the kernel's for it
	started  time.Duration // after the system came up
	resident int64         // bytes
}

// hertz is how many units of time "stat" counts in a second. Linux shows 100 on every machine.
const hertz = 100

// readStat reads the file "stat" in the folder of a process or a thread.
func readStat(folder string) (stat, error) {
	data, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(data)
	if err != nil {
		return stat{}, fmt.Errorf("%s/stat: %w", folder, err)
	}
	return s, nil
}

// parseStat reads the fields behind the name of the program. The name is in parentheses and may hold spaces and
// parentheses of its own.
func parseStat(data []byte) (stat, error) {
	// Counted from the first field behind the name.
	const (
		state, parent, ownTime, kernelTime, started, resident = 0, 1, 11, 12, 19, 21
		fields                                                = 22
	)
	f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(f) < fields {
		return stat{}, fmt.Errorf("%w: %d fields behind the name, fewer than %d", errMalformed, len(f), fields)
	}
	var n [fields]int64
	for _, i := range []int{parent, ownTime, kernelTime, started, resident} {
		var err error
		if n[i], err = strconv.ParseInt(f[i], 10, 64); err != nil {
			return stat{}, fmt.Errorf("%w: field %d behind the name: %w", errMalformed, i+1, err)
		}
	}
	return stat{
		state:    f[state],
		parent:   int(n[parent]),
		used:     time.Duration(n[ownTime]+n[kernelTime]) * time.Second / hertz,
		started:  time.Duration(n[started]) * time.Second / hertz,
		resident: n[resident] * int64(os.Getpagesize()),
	}, nil
}

// status is what the file "status" says of the memory of a process, in bytes; all 0 for a zombie.
type status struct {
	writable     int64 // VmData
	peakResident int64 // VmHWM
	peakReserved int64 // VmPeak
	hasPeak      bool
}

// readStatus reads the file "status" of a process.
func readStatus(pid int) (status, error) {
	data, err := os.ReadFile(filepath.Join(folder(pid), "status"))
	if err != nil {
		return status{}, err
	}
	s, err := parseStatus(data)
	if err != nil {
		return status{}, fmt.Errorf("%s/status: %w", folder(pid), err)
	}
	return s, nil
}

// errMalformed says that /proc has another form than this package knows.
var errMalformed = errors.New("malformed")

// parseStatus reads lines such as "VmData:	  1234 kB".
func parseStatus(data []byte) (status, error) {
	var s status
	sizes := map[string]*int64{"VmData:": &s.writable, "VmHWM:": &s.peakResident, "VmPeak:": &s.peakReserved}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 3 || sizes[f[0]] == nil {
			continue
		}
		kb, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return status{}, fmt.Errorf("%w: %s %w", errMalformed, f[0], err)
		}
		*sizes[f[0]] = kb << 10
		s.hasPeak = s.hasPeak || f[0] != "VmData:"
	}
	return s, nil
}

// uptime returns how long the system has been up.
func uptime() (time.Duration, error) {
	data, err := os.ReadFile(filepath.Join(root, "uptime"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(data), " ")
	return time.ParseDuration(strings.TrimSpace(first) + "s")
}

// AvailableMemory returns how many bytes of memory programs can get without taking it from others. It is 0 where the system does
// not say.
func AvailableMemory() int64 {
	data, err := os.ReadFile(filepath.Join(root, "meminfo"))
	if err != nil {
		return 0
	}
	return parseAvailable(data)
}

// parseAvailable reads the file "meminfo".
func parseAvailable(data []byte) int64 {
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemAvailable:" {
			if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return 0
}

// Idle returns for how long the processors have had nothing to do since the system came up, all together. It is 0 where
// the system does not say.
func Idle() time.Duration {
	data, err := os.ReadFile(filepath.Join(root, "stat"))
	if err != nil {
		return 0
	}
	return parseIdle(data)
}

// parseIdle reads the file "stat" of all processors.
func parseIdle(data []byte) time.Duration {
	const idle = 4 // after "cpu", user, nice and system
	first, _, _ := bytes.Cut(data, []byte("\n"))
	f := strings.Fields(string(first))
	if len(f) <= idle || f[0] != "cpu" {
		return 0
	}
	units, err := strconv.ParseInt(f[idle], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(units) * time.Second / hertz
}

// pidsInProc returns the IDs of all processes.
func pidsInProc() (pids []int) {
	folders, _ := filepath.Glob(filepath.Join(root, "[0-9]*"))
	for _, folder := range folders {
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// commandLineInProc returns the words of the command line of a process with spaces between them.
func commandLineInProc(pid int) string {
	words, _ := os.ReadFile(filepath.Join(folder(pid), "cmdline"))
	return string(bytes.TrimSpace(bytes.ReplaceAll(words, []byte{0}, []byte(" "))))
}

// threads returns the folders of the threads of a process.
func threads(pid int) []string {
	folders, _ := filepath.Glob(filepath.Join(folder(pid), "task", "*"))
	return folders
}

// descriptorsOf returns what the descriptors of another process lead to, by number. It is empty if they cannot be read.
func descriptorsOf(pid int) map[string]string {
	all := map[string]string{}
	links, _ := filepath.Glob(filepath.Join(folder(pid), "fd", "*"))
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil { // or it was closed meanwhile
			all[filepath.Base(link)] = target
		}
	}
	return all
}

// ownDescriptors returns what the descriptors of this process lead to, by number.
func ownDescriptors() map[string]string {
	all := map[string]string{}
	for _, dir := range []string{filepath.Join(root, "self", "fd"), "/dev/fd"} { // macOS has the second alone
		d, err := os.Open(dir)
		if err != nil {
			continue
		}
		reading := fmt.Sprint(d.Fd())
		numbers, _ := d.Readdirnames(-1)
		_ = d.Close()
		for _, number := range numbers {
			if number == reading {
				continue
			}
			target, err := os.Readlink(filepath.Join(dir, number))
			if err != nil {
				target = "open"
			}
			all[number] = target
		}
		return all
	}
	return all
}
