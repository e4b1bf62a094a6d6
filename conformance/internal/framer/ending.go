package framer

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// An ending is the error that a framer returned in place of a further frame. The zero value says that it was not asked
// for one.
type ending struct {
	kinds []spec.ErrorKind // those that errors.Is finds in it
	clean bool             // it is io.EOF, and of no kind
	err   error            // as the framer returned it
}

const cleanEnd = "a clean end"

// endingOf sorts an error of ReadFrame. Only an error of exactly one kind is right, because the first check that fails
// names it [FRM-9].
func endingOf(err error) ending {
	e := ending{err: err}
	for _, kind := range spec.FramingErrors() {
		if errors.Is(err, kind) {
			e.kinds = append(e.kinds, kind)
		}
	}
	e.clean = len(e.kinds) == 0 && errors.Is(err, io.EOF)
	return e
}

// reached reports whether the framer was asked for a further frame and returned an error.
func (e ending) reached() bool { return e.err != nil }

// is reports whether the error is of that kind and of no other.
func (e ending) is(kind spec.ErrorKind) bool { return len(e.kinds) == 1 && e.kinds[0] == kind }

// isFramingError reports whether the error is of exactly one kind.
func (e ending) isFramingError() bool { return len(e.kinds) == 1 }

// isThatOf reports whether the stream of a vector ends so.
func (e ending) isThatOf(v vectors.FrameVector) bool {
	if v.Valid() {
		return e.clean
	}
	return e.is(spec.ErrorKind(v.Error))
}

// String names the kind, or a clean end, or has the text of an error that is neither.
func (e ending) String() string {
	switch {
	case !e.reached():
		return ""
	case e.clean:
		return cleanEnd
	case len(e.kinds) == 0:
		return fmt.Sprintf("an error of no kind: %v", e.err)
	}
	var names []string
	for _, kind := range e.kinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, " and ")
}

// describe is String, with the error's own text where the kind does not say it all.
func (e ending) describe() string {
	if e.isFramingError() && e.err.Error() != e.String() {
		return fmt.Sprintf("%s (%v)", e, e.err)
	}
	return e.String()
}

// wantedEnd names how the stream of a vector ends.
func wantedEnd(v vectors.FrameVector) string {
	if v.Valid() {
		return cleanEnd
	}
	return string(v.Error)
}

// A laterRead is what a framer returned when it was asked again after a framing error: a frame or an error.
type laterRead struct {
	frame *spec.Frame // nil where it returned an error
	ending
}

// repeats reports whether the read returned the same error again [STR-3].
func (l laterRead) repeats(first ending) bool { return l.frame == nil && l.String() == first.String() }

func (l laterRead) String() string {
	if l.frame != nil {
		return describeFrame(*l.frame)
	}
	return l.ending.String()
}
