package message_test

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
		"TestCheckAcceptsWhatEncodingJSONAcceptsInUTF8": {
			What: "an escape may be of any letter", File: "string.go",
			From: `case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':`, To: `case '"', '\\', '/', 'b', 'f', 'n', 'r', 't', '{', '[', ' ':`,
		},
		"TestResponsesAreReadAsEncodingJSONWould": {
			What: "an ID over 2^64-1 is taken", File: "object.go",
			From: "id > (math.MaxUint64-d)/10", To: "id > math.MaxUint64/10",
		},
		"TestAnyMethodIsSentAsWellFormedJSON": {
			What: "a backslash is not escaped", File: "append.go",
			From: `if c >= ' ' && c != '"' && c != '\\' &&`, To: `if c >= ' ' && c != '"' &&`,
		},
	} {
		t.Run(property, func(t *testing.T) {
			output, err := bug.Test(t, "^"+property+"$")
			require.Error(t, err, "it holds though %s:\n%s", bug.What, output)
			require.Contains(t, output, "--- FAIL: "+property, bug.What)
		})
	}
}
