//go:build !linux

package load

import "time"

// sleepUntil is what an open model does between calls: it waits for a moment, not for an event.
func sleepUntil(due time.Time) { time.Sleep(time.Until(due)) }
