//go:build gofuzz

package fuzz

import "github.com/pyproctest/pyproctest/vectors"

// Built for libFuzzer, a target runs where there may be neither Python nor the source. The seeds are
// in files then: see add.

type python struct{}

func openPython(func(func())) *python { return nil }

func (*python) read(stream) (verdict, error) { return verdict{}, nil }

func (*python) malformed([]byte) (string, error) { return "", nil }

func streamSeeds() []vectors.FrameVector { return nil }

func messageSeeds() []vectors.MessageVector { return nil }

func add(any, ...any) {}
