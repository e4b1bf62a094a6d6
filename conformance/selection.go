package conformance

import (
	"context"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"
)

// Selection is what a run was asked for of all that there is. Its zero value is everything.
type Selection struct {
	Framings []Framing // both where there are none
	Only     []string  // patterns, as [Only] takes them
	Covering []string  // as [Covering] takes them
	Except   []string  // as [Except] takes them
	Shard    int       // as [Shard] takes them, 0 of 0 for all
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

// Selected lists the IDs of the cases for a role that a run with these options would select, in the order of
// SPEC.md. The error names an option that can select nothing, or a pattern that matches no case of the role.
func Selected(role Role, opts ...Option) ([]string, error) {
	var all []Case
	for _, c := range Cases() {
		if c.Role == role {
			all = append(all, c.Case)
		}
	}
	return selected(role, all, opts)
}

// check finds what can only be a mistake of whoever asked.
func checkSelection(s Selection, role Role, all []Case) error {
	if (s.Shard != 0 || s.Shards != 0) && (s.Shard < 1 || s.Shard > s.Shards) {
		return fmt.Errorf("there is no part %d of %d: parts are counted from 1", s.Shard, s.Shards)
	}
	matches := func(pattern string, match func(Case) bool) error {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", pattern, err)
		}
		if slices.ContainsFunc(all, match) {
			return nil
		}
		return fmt.Errorf("%q matches no case for a %s", pattern, role)
	}
	for _, pattern := range slices.Concat(s.Only, s.Except) {
		err := matches(pattern, func(c Case) bool {
			return slices.ContainsFunc(c.ids(), func(id string) bool { return Match(pattern, id) })
		})
		if err != nil {
			return err
		}
	}
	for _, pattern := range s.Covering {
		if err := matches(pattern, func(c Case) bool { return covers(c, pattern) }); err != nil {
			return err
		}
	}
	return nil
}

// ids are those of the case in each of its framings.
func (c Case) ids() []string {
	if len(c.Framings) == 0 {
		return []string{c.ID("")}
	}
	var ids []string
	for _, f := range c.Framings {
		ids = append(ids, c.ID(f))
	}
	return ids
}

func covers(c Case, pattern string) bool {
	return slices.ContainsFunc(c.Clauses, func(name string) bool { return Match(pattern, name) })
}

// selects reports whether a case is among what was asked for, in that framing.
func selects(s Selection, c Case, framing Framing) bool {
	id := c.ID(framing)
	matched := func(pattern string) bool { return Match(pattern, id) }
	asked := len(s.Only)+len(s.Covering) == 0 || slices.ContainsFunc(s.Only, matched) ||
		slices.ContainsFunc(s.Covering, func(pattern string) bool { return covers(c, pattern) })
	return asked && !slices.ContainsFunc(s.Except, matched) && inShard(s, id)
}

// inShard tells by the ID alone, so that a case added to the suite moves no other.
func inShard(s Selection, id string) bool {
	if s.Shards <= 1 {
		return true
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id)) // a hash takes everything
	return int(sum.Sum32()%uint32(s.Shards)) == s.Shard-1
}

// selected lists the IDs of those of all cases for a role that a run with these options would select.
func selected(role Role, all []Case, opts []Option) ([]string, error) {
	o := newOptions(context.Background(), opts)
	if err := checkSelection(o.asked, role, all); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, byClause)
	var ids []string
	for _, c := range all {
		for _, j := range jobs(c, o, nil) {
			ids = append(ids, j.ID(j.framing))
		}
	}
	return ids, nil
}
