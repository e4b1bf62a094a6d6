package result

import (
	"path"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Selection is what a run was asked for of all that there is. Its zero value is everything.
type Selection struct {
	Framings []spec.Framing // both where there are none
	Only     []string       // patterns, as [Only] takes them
	Covering []string       // as [Covering] takes them
	Except   []string       // as [Except] takes them
	Shard    int            // as [Shard] takes them, 0 of 0 for all
	Shards   int
}

// Whole reports whether every case in the framings was asked for.
func (s Selection) Whole() bool {
	return len(s.Only)+len(s.Covering)+len(s.Except) == 0 && s.Shards <= 1
}

// Match reports whether the pattern matches the ID of a case: each element as path.Match has it, and with it
// all that lies below. "FRM-7" matches every case that is named after the clause, in every framing.
func Match(pattern, id string) bool {
	wants, parts := strings.Split(pattern, "/"), strings.Split(id, "/")
	if len(wants) > len(parts) {
		return false
	}
	for i, want := range wants {
		if ok, err := path.Match(want, parts[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
