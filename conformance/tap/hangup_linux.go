package tap

import (
	"net"

	"golang.org/x/sys/unix"
)

// waitForHangup waits until both directions of the connection have ended, because the peer has closed it or because they
// ended one by one, and returns true. It returns false if the connection was closed on this side.
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
