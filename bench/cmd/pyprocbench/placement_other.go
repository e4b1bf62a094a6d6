//go:build !linux

package main

import "os/exec"

// canPin says whether this system can keep a process and its children on one core.
const canPin = false

func (p placement) start(cmd *exec.Cmd) error { return cmd.Start() }
