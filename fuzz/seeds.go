//go:build !gofuzz

package fuzz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// seeded is a *testing.F, or what takes its place in a target built for libFuzzer.
type seeded interface {
	Name() string
	Add(args ...any)
	Fatal(args ...any)
}

// add adds one seed. PYPROCTEST_SEEDS is a folder to write it to as well, as a file that such a target
// reads the same arguments from.
func add(f seeded, args ...any) {
	f.Add(args...)
	dir := os.Getenv("PYPROCTEST_SEEDS")
	if dir == "" {
		return
	}
	dir = filepath.Join(dir, f.Name())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.Fatal(err)
	}
	file, err := os.CreateTemp(dir, "seed")
	if err != nil {
		f.Fatal(err)
	}
	input, err := joined(args)
	if err == nil {
		_, err = file.Write(input)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		f.Fatal(err)
	}
}

// joined are the arguments of a target in one input: those of a fixed size first, then a weight for each
// of the others, and then these. By its weight an argument takes its share of what is left, rounded down,
// and the last takes the rest.
func joined(args []any) ([]byte, error) {
	var fixed []byte
	var others [][]byte
	total := 0
	for _, arg := range args {
		switch arg := arg.(type) {
		case []byte:
			others = append(others, arg)
			total += len(arg)
		case bool:
			if arg {
				fixed = append(fixed, 1)
			} else {
				fixed = append(fixed, 0)
			}
		case uint8:
			fixed = append(fixed, arg)
		case uint16:
			fixed = binary.BigEndian.AppendUint16(fixed, arg)
		case uint32:
			fixed = binary.BigEndian.AppendUint32(fixed, arg)
		case uint64:
			fixed = binary.BigEndian.AppendUint64(fixed, arg)
		default:
			return nil, fmt.Errorf("a seed has a %T, which no target takes", arg)
		}
	}
	for _, other := range others {
		fixed = append(fixed, byte(len(other)*255/max(1, total)))
	}
	return append(fixed, slices.Concat(others...)...), nil
}
