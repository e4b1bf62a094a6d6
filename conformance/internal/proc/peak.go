package proc

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Peak is the most that a process and those that it started ever held, in bytes. Reserved memory may not have
// been touched.
type Peak struct{ Resident, Reserved int64 }

func (p Peak) Most() int64 { return max(p.Resident, p.Reserved) }

func PeakOf(pid int) (sum Peak, known bool) {
	if runtime.GOOS != "linux" {
		return sum, false
	}
	for _, one := range Within(pid) {
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(one), "status"))
		if err != nil {
			continue // it has ended meanwhile
		}
		for line := range strings.Lines(string(status)) {
			f := strings.Fields(line)
			if len(f) != 3 || f[0] != "VmHWM:" && f[0] != "VmPeak:" {
				continue
			}
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return sum, false
			}
			known = true
			if f[0] == "VmHWM:" {
				sum.Resident += kb << 10
			} else {
				sum.Reserved += kb << 10
			}
		}
	}
	return sum, known
}
