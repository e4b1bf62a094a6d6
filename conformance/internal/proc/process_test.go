package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startShell starts a shell that has a child of its own, and returns the IDs of both.
func startShell(t *testing.T) (shell, child int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscan(line, &child)
	require.NoError(t, err)
	t.Cleanup(func() {
		if p, err := os.FindProcess(child); err == nil {
			_ = p.Kill()
		}
	})
	return cmd.Process.Pid, child
}

func TestADescendantIsWithinEachOfItsAncestors(t *testing.T) {
	shell, child := startShell(t)
	require.ElementsMatch(t, []int{shell, child}, Within(shell))
	require.Equal(t, []int{child}, Within(child))
	require.Contains(t, Within(os.Getpid()), child)
	require.True(t, IsWithin(child, os.Getpid()))
	require.False(t, IsWithin(shell, child))
}

func TestDoingTellsOfEachProcessWhatItIsAboutAndOfNoneNothing(t *testing.T) {
	shell, child := startShell(t)
	require.Regexp(t, fmt.Sprintf(`process %d \(sh -c sleep 600 .*\) sleeps`, shell), Doing(shell))
	require.Regexp(t, fmt.Sprintf(`, process %d \(sleep 600\) sleeps`, child), Doing(shell))
	require.NoError(t, syscall.Kill(child, syscall.SIGSTOP))
	require.Eventually(t, func() bool { return strings.HasSuffix(commandAndState(child), "(sleep 600) is stopped") },
		10*time.Second, 5*time.Millisecond)
	require.Contains(t, Doing(os.Getpid()), "is at work")

	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	require.Empty(t, Doing(cmd.Process.Pid))
}

// commandAndState is what Doing says, without the processor time.
func commandAndState(pid int) string {
	doing, _, _ := strings.Cut(Doing(pid), " and has used")
	return doing
}

// A process that waits for a disk is in the state that Linux also gives to one whose child borrows its memory (vfork).
func TestAProcessThatWaitsForADiskIsBusyAndOneThatSleepsIsNot(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("vfork gives another state elsewhere")
	}
	cmd := exec.Command("python3", "-c", "import ctypes, time; ctypes.CDLL(None).vfork(); print(flush=True); time.sleep(600)")
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
	own, ok := Of(cmd.Process.Pid)
	require.True(t, ok)
	require.Equal(t, "D", own.State)
	require.True(t, Busy(cmd.Process.Pid))
	_, child := startShell(t)
	require.Eventually(t, func() bool { return !Busy(child) }, 10*time.Second, 5*time.Millisecond)
}

func TestAProcessHoldsMemoryAndAnEndedOneIsNotKnown(t *testing.T) {
	own, ok := Of(os.Getpid())
	require.True(t, ok)
	require.Greater(t, own.Resident, int64(1<<20))
	require.Contains(t, All(), os.Getpid())

	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	_, ok = Of(cmd.Process.Pid)
	require.False(t, ok)
}

func TestPeakOfAProcessHasThatOfItsDescendants(t *testing.T) {
	if runtime.GOOS != "linux" {
		_, known := PeakOf(os.Getpid())
		require.False(t, known)
		return
	}
	shell, child := startShell(t)
	alone, err := readStatus(shell)
	require.NoError(t, err)
	one, known := PeakOf(child)
	require.True(t, known)
	both, known := PeakOf(shell)
	require.True(t, known)
	require.Greater(t, both.Resident, max(one.Resident, alone.peakResident))
	require.Greater(t, both.Reserved, max(one.Reserved, alone.peakReserved))
}

func TestStartTimeIsThatOfTheProcess(t *testing.T) {
	before := time.Now()
	shell, _ := startShell(t)
	// The two clocks are not read at one instant, which on a busy machine makes it early.
	require.WithinRange(t, StartTime(shell), before.Add(-10*time.Second), time.Now())
}

func TestHoldingsShowWhatCameSince(t *testing.T) {
	before := TakeHoldings()
	// The goroutine of the check is new, too. A finalizer of an earlier test may run, so this may take some looks.
	require.Eventually(t, func() bool { return len(TakeHoldings().Since(before)) == 0 }, 10*time.Second, time.Millisecond)

	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		<-stop
	}()
	shell, _ := startShell(t)

	more := fmt.Sprint(TakeHoldings().Since(before))
	require.Contains(t, more, fmt.Sprintf("descriptor %d: %s", file.Fd(), os.DevNull))
	require.Contains(t, more, "TestHoldingsShowWhatCameSince")
	if runtime.GOOS == "linux" {
		require.Contains(t, more, fmt.Sprintf("child process %d, state ", shell))
		held, known := HoldingsOf(shell)
		require.True(t, known)
		require.NotEmpty(t, held.Since(Holdings{}))
	}
	close(stop)
	<-stopped
}

func TestAStoppedProcessIsKnownFromOneThatWaits(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	pid := cmd.Process.Pid
	require.Eventually(t, func() bool { return !Busy(pid) }, 10*time.Second, 5*time.Millisecond)
	require.False(t, Stopped(pid), "it waits")
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { return Stopped(pid) }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return !Stopped(pid) }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.True(t, Stopped(pid), "it has ended")
}
