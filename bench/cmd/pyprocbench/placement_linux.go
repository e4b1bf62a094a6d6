package main

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/pyproctest/pyproctest/bench/turns"
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
	one, before, err := turns.LastCore()
	if err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("this process cannot be pinned to one core: %w", err)
	}
	err = cmd.Start()
	if undo := unix.SchedSetaffinity(0, &before); undo != nil {
		return fmt.Errorf("the cores of this process cannot be set back: %w", undo)
	}
	return err
}
