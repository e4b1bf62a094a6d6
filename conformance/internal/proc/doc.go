// Package proc says what the system knows of processes, their memory and descriptors, and of this process's
// goroutines. All reading of /proc is here.
//
// It imports the standard library alone. The three packages of cases use it.
package proc
