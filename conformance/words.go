package conformance

import "github.com/pyproctest/pyproctest/conformance/spec"

// Framing is one of the two framings of the protocol [FRM-1] [FRM-4].
type Framing = spec.Framing

// The two framings.
const (
	Enhanced = spec.Enhanced
	Basic    = spec.Basic
)

// Frame is one frame: its request ID, which is 0 in the basic framing, and its payload.
type Frame = spec.Frame

// ErrorKind names what went wrong, by the same names in every language. It is an error, so that an adapter can wrap
// it and errors.Is finds it. Package spec says what each kind means.
type ErrorKind = spec.ErrorKind

// The kinds of framing errors [FRM-9], and of the errors of a pool.
const (
	BadMagic  = spec.BadMagic
	BadLength = spec.BadLength
	TooLarge  = spec.TooLarge
	Truncated = spec.Truncated
	BadCRC    = spec.BadCRC

	Busy        = spec.Busy
	Closed      = spec.Closed
	NotStarted  = spec.NotStarted
	ErrorAnswer = spec.ErrorAnswer
	WorkerDied  = spec.WorkerDied
	MayHaveRun  = spec.MayHaveRun

	Unsupported = spec.Unsupported
)

// Health is what a pool says about its workers: their number (Total), how many take calls (Healthy), the restarts
// since the start (Restarts), and when the last health check ended (LastCheck, zero before the first) [HLT-3].
type Health = spec.Health
