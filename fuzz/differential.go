package fuzz

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// codecs are all there are, by name. What they hold is given back at cleanup.
func codecs(cleanup func(func())) map[string]reading {
	all := map[string]reading{"ref/frame": inPlace, "conformance": suite}
	if p := openPython(cleanup); p != nil {
		all["pyworker"] = p.read
	}
	return all
}

// checkAgreement reads one stream with every codec, in pieces of step bytes. They were written apart,
// so what they agree on is no slip of one.
func checkAgreement(codecs map[string]reading, data []byte, framing frame.Framing, maxPayload, step int) error {
	s := stream{framing: framing, maxPayload: maxPayload, pieces: slices.Collect(slices.Chunk(data, max(1, step)))}
	openEnd := framing == frame.Enhanced
	verdicts := map[string]verdict{}
	for name, read := range codecs {
		v, err := read(s)
		if err != nil {
			return fmt.Errorf("%s: % x, in pieces of %d: %w", name, data, step, err)
		}
		// SPEC.md leaves open which of the two it is, where a header is cut off after a wrong magic.
		if openEnd && v.kind == "bad_magic" && len(rest(data, v, framing)) < framing.HeaderSize() {
			v.kind = "truncated"
		}
		verdicts[name] = v
	}
	names := slices.Sorted(maps.Keys(verdicts))
	for _, name := range names[1:] {
		if a, b := verdicts[names[0]], verdicts[name]; !a.equal(b) {
			return fmt.Errorf("% x, in pieces of %d:\n%s reads %v\n%s reads %v", data, step, names[0], a, name, b)
		}
	}
	return nil
}

// rest is what follows the frames of a verdict.
func rest(data []byte, v verdict, framing frame.Framing) []byte {
	var frames []byte
	for _, f := range v.frames {
		frames = appendFrame(frames, framing, f)
	}
	return bytes.TrimPrefix(data, frames)
}
