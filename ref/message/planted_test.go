package message_test

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
		{"TestCheckAcceptsWhatEncodingJSONAcceptsInUTF8", planted.Bug{
			What: "an escape may be of any letter", File: "string.go",
			From: `case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':`, To: `case '"', '\\', '/', 'b', 'f', 'n', 'r', 't', '{', '[', ' ':`,
		}},
		{"TestResponsesAreReadAsEncodingJSONWould", planted.Bug{
			What: "an ID over 2^64-1 is taken", File: "object.go",
			From: "id > (math.MaxUint64-d)/10", To: "id > math.MaxUint64/10",
		}},
		{"TestAnyMethodIsSentAsWellFormedJSON", planted.Bug{
			What: "a backslash is not escaped", File: "append.go",
			From: `if c >= ' ' && c != '"' && c != '\\' &&`, To: `if c >= ' ' && c != '"' &&`,
		}},
	}) {
		t.Run(bug.property, func(t *testing.T) {
			output, err := bug.Test(t, "^"+bug.property+"$")
			require.Error(t, err, "it holds though %s:\n%s", bug.What, output)
			require.Contains(t, output, "--- FAIL: "+bug.property, bug.What)
		})
	}
}
