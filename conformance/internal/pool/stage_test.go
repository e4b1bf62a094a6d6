package pool

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
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

// A process reports events and takes orders in one: while one of its events is not read, it may take no order. So the case
// reads on though none of its orders is taken.
func TestEventsAreReadThoughTheProcessTakesNoOrders(t *testing.T) {
	c := &T{T: suite.NewT(t.Context(), time.Second), framing: spec.Enhanced}
	defer c.Clean()
	s := c.stage()
	defer s.clear()
	s.echoRequests()
	s.onAppear = neverListens
	here, there := net.Pipe()
	defer func() { _ = there.Close() }()
	require.NoError(t, there.SetDeadline(time.Now().Add(10*time.Second)))
	s.serving.Go(func() { s.serve(here) })
	report := func(kind scripted.Kind, data string) {
		_, err := there.Write(scripted.Message{Kind: kind, Conn: 1, Data: []byte(data)}.Append(nil))
		require.NoError(t, err, "an event is not read")
	}
	report(scripted.EventHello, "1 "+filepath.Join(os.TempDir(), "w.sock"))
	report(scripted.EventAccepted, "")
	for id := uint64(1); id <= 3; id++ {
		payload := fmt.Appendf(nil, `{"id":%d,"method":"odd","body":null}`, id)
		report(scripted.EventReceived, string(wire.Encode(spec.Enhanced, id, payload)))
	}
	for id := 1; id <= 3; id++ {
		m, err := scripted.Read(there)
		require.NoError(t, err)
		require.Equal(t, scripted.OrderWrite, m.Kind)
		require.Contains(t, string(m.Data), fmt.Sprintf(`"id":%d,`, id))
	}
}
