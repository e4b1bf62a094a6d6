package frame_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/internal/planted"
)

func TestEachPropertyCanFail(t *testing.T) {
	if testing.Short() {
		t.Skip("-short plants no bugs")
	}
	for property, bug := range map[string]planted.Bug{
		"TestWhatIsWrittenIsReadBack": {
			What: "the ID is written as 32 bits", File: "header.go",
			From: "AppendUint64(dst, h.RequestID)", To: "AppendUint64(dst, uint64(uint32(h.RequestID)))",
		},
		"TestEveryWayToBuildAFrameGivesTheSameBytes": {
			What: "the checksum is that of the last piece", File: "append.go",
			From: "crc32.Update(crc, castagnoli, p)", To: "crc32.Update(0, castagnoli, p)",
		},
		"TestHeaderIsParsedAsItWasAppended": {
			What: "half of the ID is read", File: "header.go",
			From: "binary.BigEndian.Uint64(b[6:])", To: "uint64(binary.BigEndian.Uint32(b[10:]))",
		},
		"TestVerdictDoesNotDependOnTheDelivery": {
			What: "a read of 33 bytes loses one", File: "reader.go",
			From: "r.end += n\n", To: "r.end += n\n\t\tif n == 33 {\n\t\t\tr.end--\n\t\t}\n",
		},
		"TestEachFlippedBitHasItsOutcome": {
			What: "one bit of the checksum is not compared", File: "reader.go",
			From: "sum != crc {", To: "sum|1<<9 != crc|1<<9 {",
		},
		"TestEachBurstOfUpTo32BitsIsCaught": {
			What: "four bits of the checksum are compared", File: "reader.go",
			From: "sum != crc {", To: "sum&15 != crc&15 {",
		},
	} {
		t.Run(property, func(t *testing.T) {
			output, err := bug.Test(t, "^"+property+"$")
			require.Error(t, err, "it holds though %s:\n%s", bug.What, output)
			require.Contains(t, output, "--- FAIL: "+property, bug.What)
		})
	}
}
