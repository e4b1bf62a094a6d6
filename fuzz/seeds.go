//go:build !gofuzz

package fuzz

import (
	"slices"

	"github.com/pyproctest/pyproctest/vectors"
)

// streamSeeds and messageSeeds are what the targets begin with: the golden vectors. They fail only if
// the embedded files are damaged, which is for the tests of vectors/ to say.
func streamSeeds() []vectors.FrameVector {
	set, err := vectors.Load()
	if err != nil {
		return nil
	}
	return slices.Concat(set.Enhanced, set.Basic, set.Streams)
}

func messageSeeds() []vectors.MessageVector {
	set, err := vectors.Load()
	if err != nil {
		return nil
	}
	return set.Messages
}
