package fuzz

import (
	"fmt"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// checkDelivery reads the same bytes whole and in pieces [STR-4]. With a stretch they are repaired,
// and their payloads repeated so often, so that frames outgrow every buffer.
func checkDelivery(read reading, data, cuts []byte, framing frame.Framing, stretch uint16) error {
	bytes := data
	if stretch > 0 {
		bytes = nil
		for _, f := range repair(data, framing, int(stretch)) {
			if bytes = appendFrame(bytes, framing, f); len(bytes) > 4*repairedMax {
				break
			}
		}
	}
	s := stream{framing: framing, maxPayload: repairedMax, pieces: [][]byte{bytes}}
	whole, err := read(s)
	if err != nil {
		return err
	}
	s.pieces = split(bytes, cuts)
	for _, s.endsWith = range []bool{false, true} {
		got, err := read(s)
		if err != nil {
			return fmt.Errorf("in %d pieces: %w", len(s.pieces), err)
		}
		if !got.equal(whole) {
			return fmt.Errorf("[STR-4] % x, cut by % x, its end with the last piece: %t:\n read as %v\nand not as %v", bytes, cuts, s.endsWith, got, whole)
		}
	}
	return nil
}

// split cuts data into pieces whose sizes cuts tells, again and again: a byte for each, 1 to 200
// exactly, more in kilobytes.
func split(data, cuts []byte) [][]byte {
	if len(cuts) == 0 {
		cuts = []byte{0}
	}
	var pieces [][]byte
	for i := 0; len(data) > 0; i++ {
		size := int(cuts[i%len(cuts)]) + 1
		if size > 200 {
			size = (size - 200) << 10
		}
		size = min(size, len(data))
		pieces = append(pieces, data[:size])
		data = data[size:]
	}
	return pieces
}
