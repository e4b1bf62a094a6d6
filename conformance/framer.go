package conformance

// Framer reads and writes frames on one stream. The suite makes a new one for each stream and drops it when the
// stream has ended.
type Framer interface {
	// ReadFrame returns the next frame. At a clean end it returns io.EOF. For a framing error it returns an error in
	// which errors.Is finds BadMagic, BadLength, TooLarge, Truncated or BadCRC. The payload need only be valid until
	// the next read.
	ReadFrame() (Frame, error)
	// WriteFrame writes one frame. It returns when the stream has taken the whole frame or has failed. In the basic
	// framing it ignores the ID. For a payload over the limit it writes nothing and returns an error in which
	// errors.Is finds TooLarge. Several goroutines may call it at once.
	WriteFrame(id uint64, payload []byte) error
}

// FramerOptions say which framer a case needs. For a framer of one framing, restrict the run with [Framings].
type FramerOptions struct {
	Framing    Framing
	MaxPayload int // bytes; 0 asks for the implementation's default [FRM-13]
}
