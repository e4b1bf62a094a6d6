package main

import "syscall"

// apart puts the worker into its own process group. The kernel also ends the worker if SIGKILL ends the tap.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
