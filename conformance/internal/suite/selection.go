package suite

import (
	"context"
	"fmt"
	"hash/fnv"
	"path"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// checkSelection returns an error for a shard that does not exist, and for a pattern that is malformed or matches no case.
func checkSelection(s result.Selection, role spec.Role, all []Info) error {
	if (s.Shard != 0 || s.Shards != 0) && (s.Shard < 1 || s.Shard > s.Shards) {
		return fmt.Errorf("there is no part %d of %d: parts are counted from 1", s.Shard, s.Shards)
	}
	matches := func(pattern string, match func(Info) bool) error {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", pattern, err)
		}
		if slices.ContainsFunc(all, match) {
			return nil
		}
		return fmt.Errorf("%q matches no case for a %s", pattern, role)
	}
	for _, pattern := range slices.Concat(s.Only, s.Except) {
		err := matches(pattern, func(c Info) bool {
			return slices.ContainsFunc(c.ids(), func(id string) bool { return result.Match(pattern, id) })
		})
		if err != nil {
			return err
		}
	}
	for _, pattern := range s.Covering {
		if err := matches(pattern, func(c Info) bool { return covers(c, pattern) }); err != nil {
			return err
		}
	}
	return nil
}

// ids returns the ID of the case in each of its framings.
func (c Info) ids() []string {
	if len(c.Framings) == 0 {
		return []string{c.ID("")}
	}
	var ids []string
	for _, f := range c.Framings {
		ids = append(ids, c.ID(f))
	}
	return ids
}

// covers reports whether the name of a clause that the case covers matches the pattern.
func covers(c Info, pattern string) bool {
	return slices.ContainsFunc(c.Clauses, func(name string) bool { return result.Match(pattern, name) })
}

// selects reports whether the selection contains the case in that framing.
func selects(s result.Selection, c Info, framing spec.Framing) bool {
	id := c.ID(framing)
	matched := func(pattern string) bool { return result.Match(pattern, id) }
	asked := len(s.Only)+len(s.Covering) == 0 || slices.ContainsFunc(s.Only, matched) ||
		slices.ContainsFunc(s.Covering, func(pattern string) bool { return covers(c, pattern) })
	return asked && !slices.ContainsFunc(s.Except, matched) && inShard(s, id)
}

// inShard reports whether the case is in the selected shard. It depends on the ID alone, so a case that is added to the
// suite moves no other.
func inShard(s result.Selection, id string) bool {
	if s.Shards <= 1 {
		return true
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id)) // a hash never fails
	return int(sum.Sum32()%uint32(s.Shards)) == s.Shard-1
}

// Selected returns the IDs of the cases that a run with these options would select, in the order of SPEC.md. all are the
// cases of the role. It returns an error for an invalid selection.
func Selected(role spec.Role, all []Info, opts []Option) ([]string, error) {
	o := NewOptions(context.Background(), opts)
	if err := checkSelection(o.Asked, role, all); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, byClause)
	var ids []string
	for _, c := range all {
		for _, j := range Jobs(c, o, nil) {
			ids = append(ids, j.ID(j.Framing))
		}
	}
	return ids, nil
}
