package main

import "fmt"

// Exit statuses.
const (
	statusHolds       = 0
	statusViolated    = 1
	statusCouldNotRun = 2
	statusInterrupted = 130 // as a shell reports the end by SIGINT
)

// exit ends the command with a status and no further message.
type exit struct{ status int }

func (e *exit) Error() string { return fmt.Sprintf("exit status %d", e.status) }
