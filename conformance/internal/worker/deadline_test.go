package worker

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/stretchr/testify/require"
)

func TestAWorkerThatIsAtWorkIsWaitedForBeyondThePatience(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second
	q, worker := peerOf(t, patience, "while :; do :; done")
	time.AfterFunc(patience*3/2, func() { _, _ = worker.Write([]byte("P")) })
	require.NoError(t, readByte(q))
}

// Linux shows a process whose child borrows its memory (vfork) as it shows one that waits for a disk.
func TestAWorkerThatWaitsForADiskIsWaitedForBeyondThePatience(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("vfork gives another state elsewhere")
	}
	const patience = 2 * time.Second
	q, worker := peerOf(t, patience, `python3 -c 'import ctypes, time; ctypes.CDLL(None).vfork(); time.sleep(5)'`)
	time.AfterFunc(patience*3/2, func() { _, _ = worker.Write([]byte("P")) })
	require.NoError(t, readByte(q))
}

func TestAWorkerThatWaitsIsNotWaitedForBeyondThePatience(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second
	q, worker := peerOf(t, patience, "exec sleep 600")
	time.AfterFunc(patience*5/2, func() { _, _ = worker.Write([]byte("P")) }) // one at work would be waited for
	require.ErrorIs(t, readByte(q), os.ErrDeadlineExceeded)
}

// What a worker did before the last part of its time, such as starting, says nothing of what it does at the end.
func TestAWorkerThatOnlyBeganWithWorkGetsThePatienceWholeAndNoMore(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second
	q, _ := peerOf(t, patience, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 600")
	began := time.Now()
	d := q.process.deadline(patience)
	defer d.stop()
	require.Equal(t, patience, d.firstLook()+d.extension())
	<-d.C
	require.False(t, d.expired(), "it is over before its time")
	<-d.C
	require.True(t, d.expired(), "it was extended")
	require.GreaterOrEqual(t, time.Since(began), patience)
}

func readByte(q *peer) error {
	return q.withDeadline(q.conn.SetReadDeadline, func() error {
		_, err := q.conn.Read(make([]byte, 1))
		return err
	})
}

// peerOf returns a peer whose worker is a process that runs the shell script, and the other end of its connection.
func peerOf(t *testing.T, patience time.Duration, script string) (*peer, net.Conn) {
	dir, err := os.MkdirTemp("", "pp") // a short path, unlike t.TempDir's
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	conn, err := net.Dial("unix", l.Addr().String())
	require.NoError(t, err)
	other, err := l.Accept()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", script)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, c := range []interface{ Close() error }{conn, other, l} {
			require.NoError(t, c.Close())
		}
	})
	w := &T{T: suite.NewT(t.Context(), patience)}
	p := &process{instance: &instance{cmd: cmd, exited: make(chan struct{})}, t: w}
	return &peer{t: w, process: p, name: "connection 1", conn: conn.(*net.UnixConn)}, other
}
