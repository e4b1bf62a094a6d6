package proc

import (
	"bytes"
	"os/exec"
	"strconv"
)

// Descriptors returns how many descriptors the process and those that it started have open. Where there is no /proc, it
// asks lsof; known is false where that does not work either.
func Descriptors(pid int) (n int, known bool) {
	for _, one := range Within(pid) {
		open, ok := countDescriptors(one)
		n += open
		known = known || ok
	}
	return n, known
}

func countDescriptors(pid int) (n int, known bool) {
	if open := descriptorsOf(pid); len(open) > 0 {
		return len(open), true
	}
	text, err := exec.Command("lsof", "-nP", "-p", strconv.Itoa(pid), "-F", "f").Output()
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if len(line) > 1 && line[0] == 'f' && line[1] >= '0' && line[1] <= '9' { // others are mapped files
			n++
		}
	}
	return n, true
}
