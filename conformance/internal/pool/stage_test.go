package pool

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

// A pool whose Start has failed may have started a process that appears when the case is over already. The case is
// not to wait for it, nor it for the case.
func TestAProcessThatAppearsWhenTheStageIsClearedIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &T{T: suite.NewT(t.Context(), time.Second), framing: spec.Enhanced}
		s := c.stage()
		s.clear()
		here, there := net.Pipe()
		s.serving.Go(func() { s.serve(here) })
		hello := scripted.Message{Kind: scripted.EventHello, Data: []byte("1 " + filepath.Join(os.TempDir(), "w.sock"))}
		_, err := there.Write(hello.Append(nil))
		require.NoError(t, err)
		_, err = there.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		s.serving.Wait()
		c.Clean()
	})
}
