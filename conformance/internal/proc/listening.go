package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Listening returns the sockets on which the process and those that it started listen: the path of a Unix socket, and
// "a TCP socket" for the others. It is known on Linux only; elsewhere the result is empty.
func Listening(pid int) (all []string) {
	for _, one := range Within(pid) {
		sockets := listeningIn(one)
		names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", one))
		for _, name := range names {
			what, err := os.Readlink(name)
			if err != nil {
				continue
			}
			if where, ok := sockets[strings.TrimSuffix(strings.TrimPrefix(what, "socket:["), "]")]; ok {
				all = append(all, where)
			}
		}
	}
	return all
}

// listeningIn returns what listens in the network namespace of the process, by inode.
func listeningIn(pid int) map[string]string {
	const unixListens, tcpListens = "00010000", "0A" // __SO_ACCEPTCON, TCP_LISTEN
	sockets := map[string]string{}
	for _, f := range fieldsOf(pid, "unix") { // Num RefCount Protocol Flags Type St Inode Path
		if len(f) >= 8 && f[3] == unixListens {
			sockets[f[6]] = strings.Join(f[7:], " ")
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		for _, f := range fieldsOf(pid, table) { // sl local_address rem_address st … the inode is the tenth
			if len(f) >= 10 && f[3] == tcpListens {
				sockets[f[9]] = "a TCP socket"
			}
		}
	}
	return sockets
}

func fieldsOf(pid int, table string) (lines [][]string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}
