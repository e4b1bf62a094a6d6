package tap

import (
	"net"

	"golang.org/x/sys/unix"
)

// waitForHangup waits until neither direction of the connection is open any more, because its peer has closed
// it altogether or both have ended one by one, and tells so. False means that it was closed on this side.
func waitForHangup(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	return nil == raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(poll, 0)
		return err == nil && poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
}
