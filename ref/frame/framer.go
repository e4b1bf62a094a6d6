package frame

import "io"

// Options are the settings of a stream. The zero value is the enhanced framing with the default
// maximum. Both ends of a stream use the same.
type Options struct {
	Framing Framing

	// MaxPayload bounds the payload of one frame in bytes, in both directions [FRM-8] [FRM-12].
	// 0 means DefaultMaxPayload; it must be below MaxPayloadLimit [FRM-14].
	MaxPayload int
}

func (o Options) withDefaults() (Options, error) {
	if o.Framing > Basic {
		return o, &OptionsError{Field: "Framing", Value: int(o.Framing), Want: "Enhanced or Basic"}
	}
	if o.MaxPayload < 0 || o.MaxPayload >= MaxPayloadLimit {
		return o, &OptionsError{
			Field: "MaxPayload", Value: o.MaxPayload,
			Want: "0 for the default, or a size in bytes below 0x50590000 (MaxPayloadLimit)",
		}
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = DefaultMaxPayload
	}
	return o, nil
}

// Framer reads and writes frames on one stream. One goroutine may read while any number write.
type Framer struct {
	*Reader
	*Writer
}

// NewFramer returns a Framer over rw. The error is an *OptionsError.
func NewFramer(rw io.ReadWriter, o Options) (*Framer, error) {
	r, err := NewReader(rw, o)
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(rw, o)
	if err != nil {
		return nil, err
	}
	return &Framer{r, w}, nil
}
