package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

const decodePatience = time.Minute

// A gigabyte of zeros is 268 million empty basic frames, all of them wrong. In the enhanced framing its first bytes are
// no frame.
func TestDecodeOfAGigabyteOfZerosIsShort(t *testing.T) {
	zeros := zeros(t, 1<<30)
	for _, args := range [][]string{{zeros}, {"--first", zeros}, {"--framing", "enhanced", zeros}} {
		t.Run(strings.Join(args[:len(args)-1], " "), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), decodePatience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "pyproctest", append([]string{"decode"}, args...)...)
			out, err := cmd.Output()
			require.NoError(t, ctx.Err(), "it takes too long")
			ended := (*exec.ExitError)(nil)
			require.ErrorAs(t, err, &ended)
			require.Equal(t, statusViolated, ended.ExitCode(), "%s", out)
			require.Contains(t, string(out), "First violation: byte ")
			require.Less(t, len(out), 20_000)
			usage, ok := ended.SysUsage().(*syscall.Rusage)
			require.True(t, ok)
			require.Less(t, usage.Maxrss, int64(256<<10), "it keeps what it has read, in KiB or, on macOS, bytes")
		})
	}
	out, err := exec.Command("pyproctest", "decode", zeros).Output()
	require.Error(t, err)
	require.Contains(t, string(out), "Stopped after 1000 frames with violations, at byte 4000: --all reads on")
	require.Contains(t, string(out), "1000 frames in 4000 bytes. Violations: MSG-17 1000.\nMessages: 1000 unreadable messages.\n")
	require.Equal(t, wrongShown, strings.Count(string(out), "basic framing: "))
}

func zeros(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zeros")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, size))
	return path
}

func TestASignalEndsDecodeWithASummary(t *testing.T) {
	answer, err := hex.DecodeString("000000127b226964223a372c226f6b223a747275657d")
	require.NoError(t, err)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			cmd := exec.Command("pyproctest", "decode", "-")
			in, err := cmd.StdinPipe() // which stays open
			require.NoError(t, err)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			_, err = in.Write(answer)
			require.NoError(t, err)
			first := make([]byte, 10)
			_, err = io.ReadFull(out, first)
			require.NoError(t, err)
			require.NoError(t, cmd.Process.Signal(s))
			rest := make(chan []byte, 1)
			go func() {
				all, _ := io.ReadAll(out)
				rest <- all
			}()
			select {
			case all := <-rest:
				require.Contains(t, string(all), "1 frame in 22 bytes. Violations: MSG-1 1.")
			case <-time.After(decodePatience):
				require.FailNow(t, "it goes on after the signal")
			}
			require.Equal(t, statusInterrupted, exitStatus(t, cmd.Wait()))
		})
	}
}

func TestASignalEndsDecodeWhoseOutputNobodyReads(t *testing.T) {
	cmd := exec.Command("pyproctest", "decode", "--all", zeros(t, 1<<20))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_, err = out.Read(make([]byte, 1)) // and no more
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan *os.ProcessState, 1)
	go func() {
		state, _ := cmd.Process.Wait()
		ended <- state
	}()
	select {
	case state := <-ended:
		require.Equal(t, statusInterrupted, state.ExitCode())
	case <-time.After(decodePatience):
		require.FailNow(t, "it waits for its reader")
	}
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	ended := (*exec.ExitError)(nil)
	require.ErrorAs(t, err, &ended)
	return ended.ExitCode()
}

// However its text comes, the bytes are the same.
func TestHexIsReadHoweverItIsSplit(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " \n": "", "0x": "", "0x0a0B": "\x0a\x0b", "5 0:5,9": "PY", "50 59\r\n": "PY", " 0x50": "P", "00": "\x00",
	} {
		for name, split := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "one by one": iotest.OneByteReader, "end with data": iotest.DataErrReader,
		} {
			got, err := io.ReadAll(&hexReader{in: io.NopCloser(split(strings.NewReader(text)))})
			require.NoError(t, err, "%q %s", text, name)
			require.Equal(t, want, string(got), "%q %s", text, name)
		}
	}
	for _, text := range []string{"5", "505", "5x", "x", "50 59 zz", "500x59"} {
		_, err := fromHex(text)
		require.ErrorContains(t, err, "hex", text)
	}
	long := bytes.Repeat([]byte("50 59\n"), 100_000)
	got, err := io.ReadAll(&hexReader{in: io.NopCloser(bytes.NewReader(long))})
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("PY", 100_000), string(got))
	broken := errors.New("the disk is gone")
	_, err = io.ReadAll(&hexReader{in: io.NopCloser(io.MultiReader(strings.NewReader("50"), iotest.ErrReader(broken)))})
	require.ErrorIs(t, err, broken)
}
