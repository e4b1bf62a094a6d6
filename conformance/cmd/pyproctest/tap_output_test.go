package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Traffic passes and the tap ends, though its standard error was full from the beginning.
func TestTapPassesTrafficWhenNobodyReadsItsStandardError(t *testing.T) {
	for _, logged := range []bool{false, true} {
		t.Run(fmt.Sprintf("log %v", logged), func(t *testing.T) {
			unread, full := fullPipe(t)
			defer unread.Close()
			dir, err := os.MkdirTemp("", "pp")
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			upstream, listen := filepath.Join(dir, "b"), filepath.Join(dir, "a")
			worker, err := net.ListenUnix("unix", &net.UnixAddr{Name: upstream, Net: "unix"})
			require.NoError(t, err)
			defer worker.Close()
			go echoAll(worker)

			args := []string{"tap", "--listen", listen, "--upstream", upstream}
			cmd := exec.Command("pyproctest", args...)
			if logged {
				cmd = exec.Command("pyproctest", append(args, "--log", "-")...)
				cmd.Stdout = full
			}
			cmd.Stderr = full
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			require.NoError(t, full.Close())
			for range 20 {
				passes(t, listen)
			}
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				require.Equal(t, statusViolated, exitStatus(t, err))
			case <-time.After(decodePatience):
				require.FailNow(t, "it waits for its reader")
			}
		})
	}
}

// fullPipe returns a pipe that takes no more byte.
func fullPipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	for size := 4096; size > 0; size /= 2 {
		for err = nil; err == nil; {
			require.NoError(t, write.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
			_, err = write.Write(bytes.Repeat([]byte("x"), size))
		}
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	require.NoError(t, write.SetWriteDeadline(time.Time{}))
	return read, write
}

func echoAll(l *net.UnixListener) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		}()
	}
}

// passes sends what is no message through the tap, and reads it back.
func passes(t *testing.T, listen string) {
	t.Helper()
	var c net.Conn
	require.Eventually(t, func() (there bool) {
		var err error
		c, err = net.Dial("unix", listen)
		return err == nil
	}, decodePatience, time.Millisecond)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(decodePatience)))
	_, err := c.Write(make([]byte, 8))
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 8))
	require.NoError(t, err, "the tap has stopped the traffic")
}

func TestMessagesThatNobodyReadsAreDroppedAndCounted(t *testing.T) {
	read, write := io.Pipe()
	l := newLossy(write, 100, droppedMessages)
	for i := range 50 {
		_, err := fmt.Fprintf(l, "message %02d\n", i) // 11 bytes
		require.NoError(t, err)
	}
	all := make(chan string, 1)
	go func() {
		got, _ := io.ReadAll(read)
		all <- string(got)
	}()
	require.ErrorContains(t, l.close(), "41 messages were not written, because nobody read them")
	require.NoError(t, write.Close())
	messages, dropped := 0, 0
	for line := range strings.Lines(<-all) {
		var n int
		if _, err := fmt.Sscanf(line, "… %d messages were dropped here, because nobody read them", &n); err == nil {
			dropped += n
			continue
		}
		require.Equal(t, fmt.Sprintf("message %02d\n", messages), line)
		messages++
	}
	require.Equal(t, []int{9, 41}, []int{messages, dropped})

	l = newLossy(failing{}, 100, nil)
	_, err := l.Write([]byte("a"))
	require.NoError(t, err)
	require.ErrorIs(t, l.close(), syscall.ENOSPC)
	_, err = l.Write([]byte("b"))
	require.ErrorIs(t, err, syscall.ENOSPC)

	l = newLossy(io.Discard, 100, nil)
	_, err = l.Write([]byte("a"))
	require.NoError(t, errors.Join(err, l.close()))
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
