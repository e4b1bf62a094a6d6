package spec

// Framing is one of the two framings of the protocol.
type Framing string

// The framings [FRM-1, FRM-4].
const (
	Enhanced Framing = "enhanced"
	Basic    Framing = "basic"
)

const (
	Magic0, Magic1    = 0x50, 0x59
	EnhancedHeader    = 18
	BasicHeader       = 4
	DefaultMaxPayload = 10 << 20 // [FRM-13]
)

func (f Framing) HeaderSize() int {
	if f == Basic {
		return BasicHeader
	}
	return EnhancedHeader
}

// Frame is one frame as the suite sees it; ID is 0 in the basic framing.
type Frame struct {
	ID      uint64
	Payload []byte
}
