//go:build !gofuzz

package fuzz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// seeded is a *testing.F, or what takes its place in a target built for libFuzzer.
type seeded interface {
	Name() string
	Add(args ...any)
	Fatal(args ...any)
}

// add adds one seed. PYPROCTEST_SEEDS is a folder to write it to as well, as a file for the same target
// built for libFuzzer. What adapts targets has two ways to make arguments of a file: that of its second
// version, which ClusterFuzzLite has, and with PYPROCTEST_SEEDS_FOR=v1 that of its first.
func add(f seeded, args ...any) {
	f.Add(args...)
	dir := os.Getenv("PYPROCTEST_SEEDS")
	if dir == "" {
		return
	}
	form := joined
	if os.Getenv("PYPROCTEST_SEEDS_FOR") == "v1" {
		form = joinedV1
	}
	if err := writeSeed(filepath.Join(dir, f.Name()), form, args); err != nil {
		f.Fatal(err)
	}
}

func writeSeed(dir string, form func([]any) ([]byte, error), args []any) error {
	input, err := form(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "seed")
	if err != nil {
		return err
	}
	_, err = file.Write(input)
	return errors.Join(err, file.Close())
}

// joined are the arguments in one input: those of a fixed size first, then a weight for each of the others,
// and then these. By its weight an argument takes its share of what is left, and the last takes the rest.
func joined(args []any) ([]byte, error) {
	var fixed []byte
	var others [][]byte
	total := 0
	for _, arg := range args {
		if b, ok := arg.([]byte); ok {
			others = append(others, b)
			total += len(b)
			continue
		}
		b, err := bytesOf(arg)
		if err != nil {
			return nil, err
		}
		fixed = append(fixed, b...)
	}
	for _, other := range others {
		fixed = append(fixed, byte(len(other)*255/max(1, total)))
	}
	return append(fixed, slices.Concat(others...)...), nil
}

// joinedV1 are the arguments one after the other: bytes behind their size, an even number for true, and
// behind some integers an odd number for big-endian.
func joinedV1(args []any) ([]byte, error) {
	const bigEndian = 1
	var all []byte
	for _, arg := range args {
		b, err := bytesOf(arg)
		if err != nil {
			return nil, err
		}
		switch arg.(type) {
		case []byte:
			all = binary.BigEndian.AppendUint32(all, uint32(len(b)))
		case bool:
			b[0] ^= 1
		case uint16, uint64:
			b = append(b, bigEndian)
		}
		all = append(all, b...)
	}
	return all, nil
}

func bytesOf(arg any) ([]byte, error) {
	switch arg := arg.(type) {
	case []byte:
		return arg, nil
	case bool:
		if arg {
			return []byte{1}, nil
		}
		return []byte{0}, nil
	case uint8:
		return []byte{arg}, nil
	case uint16:
		return binary.BigEndian.AppendUint16(nil, arg), nil
	case uint32:
		return binary.BigEndian.AppendUint32(nil, arg), nil
	case uint64:
		return binary.BigEndian.AppendUint64(nil, arg), nil
	}
	return nil, fmt.Errorf("a seed has a %T, which no target takes", arg)
}
