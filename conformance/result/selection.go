package result

import (
	"path"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Selection is which of all cases a run was asked for. The zero value selects all of them.
type Selection struct {
	Framings []spec.Framing // none means both
	Only     []string       // patterns of case IDs, as Match reads them
	Covering []string       // patterns of clauses that a case covers
	Except   []string       // patterns of case IDs to leave out
	Shard    int            // counted from 1; 0 for all
	Shards   int            // how many there are; 0 for all
}

// Whole reports whether every case in the framings is selected.
func (s Selection) Whole() bool {
	return len(s.Only)+len(s.Covering)+len(s.Except) == 0 && s.Shards <= 1
}

// Match reports whether the pattern matches the ID of a case or the beginning of it. Pattern and ID are compared
// element by element, between slashes, as path.Match does. So "FRM-7" matches every case that is named after this
// clause, in every framing. A malformed pattern matches nothing.
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
