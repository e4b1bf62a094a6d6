package text

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutputIsEscapedAndDefused(t *testing.T) {
	for written, shown := range map[string]string{
		"Traceback:\n\tKeyError: 'id'\n":        "Traceback:\n\tKeyError: 'id'\n",
		"\x1b[31mred\r\n":                       `\x1b[31mred\x0d` + "\n",
		"caf\xc3\xa9 \xff":                      `café \xff`,
		"::error::no\n  ::add-mask::x":          "\\x3a:error::no\n  \\x3a:add-mask::x",
		"a::b and std::vector":                  "a::b and std::vector",
		"x ##vso[task.setvariable]y ##[group]z": `x \x23#vso[task.setvariable]y \x23#[group]z`,
		"## a heading [1]":                      "## a heading [1]",
		"##teamcity[testFailed]":                `\x23#teamcity[testFailed]`,
		"right to left \u202e here":             `right to left \u202e here`,
	} {
		require.Equal(t, shown, Output(written))
	}
}
