// Package scripted is the process that plays a worker for the pool under test, and the socket that controls it.
//
// The process is the test binary itself, started by the pool: an init function turns it into a scripted worker before
// any test or main begins. It imports the standard library alone. internal/pool is at the other end of the socket.
package scripted
