// Package proc reports what the system knows of processes: their parents, processor time, memory and descriptors. It
// also reports this process's goroutines.
//
// procfs.go is the only reader of /proc; where a system has none, process.go asks ps. The package imports the standard
// library alone. The three packages of cases use it, and suite.
package proc
