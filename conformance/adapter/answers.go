package adapter

import (
	"fmt"
	"slices"
)

// mostReads is how many reads an adapter makes from one stream at most.
const mostReads = 10_000

var (
	readKinds  = []string{kindFrame, kindEOF, "bad_magic", "bad_length", "too_large", "truncated", "bad_crc", kindWaiting, kindIO, kindOther}
	writeKinds = []string{kindOK, "too_large", kindIO, kindOther}
)

// readsOf returns the outcomes in an answer to decode. It returns a *Fault if the answer is malformed, and the error of
// [answer.declined] if the program did not do it.
func readsOf(a answer, then string, again int) ([]outcome, error) {
	if err := a.declined(doDecode); err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) error {
		return &Fault{Problem: fmt.Sprintf("answered %s with %s: %s", doDecode, quote(a.line), fmt.Sprintf(format, args...))}
	}
	if a.Reads == nil {
		return nil, wrong("there are no reads in it")
	}
	end := slices.IndexFunc(a.Reads, func(o outcome) bool { return o.Kind != kindFrame })
	for i, o := range a.Reads {
		switch {
		case !slices.Contains(readKinds, o.Kind):
			return nil, wrong("%q is not a kind that a read can give", o.Kind)
		case o.Kind == kindWaiting && then != thenOpen:
			return nil, wrong("a framer does not wait for ever if the stream has an end")
		case o.Kind == kindWaiting && i != len(a.Reads)-1:
			return nil, wrong("there are reads after the one that waits")
		}
	}
	switch {
	case len(a.Reads) >= mostReads || len(a.Reads) > 0 && a.Reads[len(a.Reads)-1].Kind == kindWaiting:
	case end < 0:
		return nil, wrong("the last read must be one that gives no frame")
	case len(a.Reads)-end-1 != again:
		return nil, wrong("there are %d reads after the first that gave no frame, and \"again\" asks for %d", len(a.Reads)-end-1, again)
	}
	return a.Reads, nil
}

// writtenOf returns the writes and results in an answer to encode, for so many frames. Its errors are those of readsOf.
func writtenOf(a answer, frames int) ([]hexDigits, []outcome, error) {
	if err := a.declined(doEncode); err != nil {
		return nil, nil, err
	}
	wrong := func(format string, args ...any) error {
		return &Fault{Problem: fmt.Sprintf("answered %s with %s: %s", doEncode, quote(a.line), fmt.Sprintf(format, args...))}
	}
	if a.Writes == nil || len(a.Results) != frames {
		return nil, nil, wrong("it must have writes, and a result for each of %d frames", frames)
	}
	for _, o := range a.Results {
		if !slices.Contains(writeKinds, o.Kind) {
			return nil, nil, wrong("%q is not a kind that a write can give", o.Kind)
		}
	}
	return a.Writes, a.Results, nil
}
