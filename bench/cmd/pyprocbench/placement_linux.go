package main

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// canPin says whether this system can keep a process and its children on one core.
const canPin = true

// start starts cmd in its place. A process inherits the cores of the thread that starts it.
func (p placement) start(cmd *exec.Cmd) error {
	if p != pinned {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("the cores of this process are not known: %w", err)
	}
	last := 0
	for cpu := range len(before) * 64 {
		if before.IsSet(cpu) {
			last = cpu // the first one has more of the system's own work
		}
	}
	var one unix.CPUSet
	one.Set(last)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("pinning to core %d: %w", last, err)
	}
	err := cmd.Start()
	if undo := unix.SchedSetaffinity(0, &before); undo != nil {
		return fmt.Errorf("the cores of this process cannot be set back: %w", undo)
	}
	return err
}
