package spec

// ErrorKind names what is wrong, by the same names everywhere. It is an error itself, so that an
// adapter can wrap it and errors.Is finds it.
type ErrorKind string

func (k ErrorKind) Error() string { return string(k) }

// The kinds of framing errors.
const (
	BadMagic  ErrorKind = "bad_magic"  // the frame does not begin with 50 59 [FRM-6]
	BadLength ErrorKind = "bad_length" // the length is below that of the header [FRM-7]
	TooLarge  ErrorKind = "too_large"  // the payload is over max_payload [FRM-8] [FRM-12]
	Truncated ErrorKind = "truncated"  // the stream ends inside a frame [STR-2]
	BadCRC    ErrorKind = "bad_crc"    // the payload does not match its checksum [CRC-4]
)

// FramingErrors returns the kinds of framing errors, in the order of their checks [FRM-9].
func FramingErrors() []ErrorKind {
	return []ErrorKind{BadMagic, BadLength, TooLarge, Truncated, BadCRC}
}

// The kinds of errors of a pool. An adapter wraps them, so that errors.Is finds them.
const (
	Busy        ErrorKind = "busy"         // the bounded queue is full [BPR-6]
	Closed      ErrorKind = "closed"       // Shutdown has begun [SHD-1]
	NotStarted  ErrorKind = "not_started"  // Start was not called or failed [STA-8]
	ErrorAnswer ErrorKind = "error_answer" // the worker answered "ok": false [MSG-16]
	WorkerDied  ErrorKind = "worker_died"  // the worker or its connection was lost [HLT-5]
	MayHaveRun  ErrorKind = "may_have_run" // the request may have reached a handler [HLT-5]
	Unsupported ErrorKind = "unsupported"  // what was asked is not offered, such as an option; never a pass
)
