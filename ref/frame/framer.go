package frame

import "io"

// Options configure a Framer, Reader or Writer. The zero value is the enhanced framing with the
// default maximum. Both ends of a stream must use the same options.
type Options struct {
	Framing Framing

	// MaxPayload is the largest payload of a frame in bytes, for reading and for writing [FRM-8]
	// [FRM-12]. 0 means DefaultMaxPayload. It must be below MaxPayloadLimit [FRM-14].
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

// Framer reads and writes frames on one stream. Reads must not overlap. Writes may be called from
// many goroutines, and while a read waits.
type Framer struct {
	*Reader
	*Writer
}

// NewFramer returns a Framer that reads from and writes to rw. It returns an *OptionsError for an
// invalid option.
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
