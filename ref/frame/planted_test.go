package frame_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/fuzz/planted"
)

// plantedBug is a bug that a property must find.
type plantedBug struct {
	property string
	planted.Bug
}

func TestEachPropertyCanFail(t *testing.T) {
	for _, bug := range planted.Now([]plantedBug{
		{"TestWhatIsWrittenIsReadBack", planted.Bug{
			What: "the ID is written as 32 bits", File: "header.go",
			From: "AppendUint64(dst, h.RequestID)", To: "AppendUint64(dst, uint64(uint32(h.RequestID)))",
		}},
		{"TestEveryWayToBuildAFrameGivesTheSameBytes", planted.Bug{
			What: "the checksum is that of the last piece", File: "append.go",
			From: "crc32.Update(crc, castagnoli, p)", To: "crc32.Update(0, castagnoli, p)",
		}},
		{"TestHeaderIsParsedAsItWasAppended", planted.Bug{
			What: "half of the ID is read", File: "header.go",
			From: "binary.BigEndian.Uint64(b[6:])", To: "uint64(binary.BigEndian.Uint32(b[10:]))",
		}},
		{"TestVerdictDoesNotDependOnTheDelivery", planted.Bug{
			What: "a read of 33 bytes loses one", File: "reader.go",
			From: "r.end += n\n", To: "r.end += n\n\t\tif n == 33 {\n\t\t\tr.end--\n\t\t}\n",
		}},
		{"TestEachFlippedBitHasItsOutcome", planted.Bug{
			What: "one bit of the checksum is not compared", File: "reader.go",
			From: "sum != crc {", To: "sum|1<<9 != crc|1<<9 {",
		}},
		{"TestEachBurstOfUpTo32BitsIsCaught", planted.Bug{
			What: "four bits of the checksum are compared", File: "reader.go",
			From: "sum != crc {", To: "sum&15 != crc&15 {",
		}},
	}) {
		t.Run(bug.property, func(t *testing.T) {
			output, err := bug.Test(t, "^"+bug.property+"$")
			require.Error(t, err, "it holds though %s:\n%s", bug.What, output)
			require.Contains(t, output, "--- FAIL: "+bug.property, bug.What)
		})
	}
}
