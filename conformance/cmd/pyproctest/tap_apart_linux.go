package main

import "syscall"

// apart also has the kernel end the worker where the tap is ended by SIGKILL.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
