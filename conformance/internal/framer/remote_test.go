package framer

import (
	"bufio"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Linux shows a process whose child borrows its memory (vfork) as it shows one that waits for a disk.
func TestAFramerThatWaitsForADiskIsNotTakenToHangAndOneThatSleepsIs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("vfork gives another state elsewhere")
	}
	for program, want := range map[string]bool{
		"import ctypes, time; ctypes.CDLL(None).vfork(); print(flush=True); time.sleep(600)": true,
		"import time; print(flush=True); time.sleep(600)":                                    false,
	} {
		cmd := exec.Command("python3", "-c", program)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		})
		_, err = bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		var used cpuTime
		pids := []int{cmd.Process.Pid}
		require.False(t, used.stillGrows(pids, time.Second, time.Minute), "it is the first look")
		require.Eventually(t, func() bool { return used.stillGrows(pids, time.Second, time.Minute) == want }, 10*time.Second, 5*time.Millisecond)
	}
}
