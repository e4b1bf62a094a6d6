package wire

import (
	"testing"

	"github.com/pyproctest/pyproctest/fuzz/planted"
	"github.com/stretchr/testify/require"
)

// plantedBug is one that a property must see.
type plantedBug struct {
	property string
	planted.Bug
}

func TestEachPropertyOfTheCodecCanFail(t *testing.T) {
	for _, bug := range planted.Now([]plantedBug{
		{"a_frame_survives,_enhanced", planted.Bug{
			What: "the ID is written as 32 bits", File: "codec.go",
			From: "AppendUint64(dst, h.ID)", To: "AppendUint64(dst, uint64(uint32(h.ID)))",
		}},
		{"a_part_of_a_frame_is_no_frame,_basic", planted.Bug{
			What: "what there is of a payload is taken", File: "codec.go",
			From: "\tif len(data) < size {\n\t\treturn spec.Frame{}, 0, nil\n\t}\n\tf.Payload =", To: "\tsize = min(size, len(data))\n\tf.Payload =",
		}},
		{"a_flipped_bit_behind_the_ID_is_found", planted.Bug{
			What: "four bits of the checksum are compared", File: "codec.go",
			From: "framing == spec.Enhanced && got != want", To: "framing == spec.Enhanced && got&15 != want&15",
		}},
	}) {
		t.Run(bug.property, func(t *testing.T) {
			output, err := bug.Test(t, "^TestCodecRoundTrip$/^"+bug.property+"$")
			require.Error(t, err, "it holds though %s:\n%s", bug.What, output)
			require.Contains(t, output, "--- FAIL: TestCodecRoundTrip/"+bug.property, bug.What)
		})
	}
}
