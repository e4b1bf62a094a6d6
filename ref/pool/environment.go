package pool

import (
	"slices"
	"strings"
)

// setVariable returns the environment env with one variable set, whatever env has for it.
func setVariable(env []string, name, value string) []string {
	return append(unsetVariable(env, name), name+"="+value)
}

// unsetVariable returns the environment env without a variable.
func unsetVariable(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}
