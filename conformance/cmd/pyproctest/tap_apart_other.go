//go:build !linux

package main

import "syscall"

// apart puts the worker into its own process group.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
