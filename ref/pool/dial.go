package pool

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"
	"time"
)

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		// The worker listens, but the kernel's queue of connections that it has not accepted is full. There is no
		// event for the moment when the queue has room again.
		if pause(ctx, wait) != nil {
			return nil, err
		}
	}
}

// nobodyListens reports whether err says that no process listens at the path.
func nobodyListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// pause waits for d, or until ctx ends. Then it returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
