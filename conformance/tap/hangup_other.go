//go:build !linux

package tap

import "net"

// waitForHangup always returns false: on this system a closed connection looks like one of which only the sending half is
// closed. The receiver notices when it sends.
func waitForHangup(*net.UnixConn) bool { return false }
