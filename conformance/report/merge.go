package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// ErrShards is wrapped by the errors of [Merge] for parts that do not make up one run.
var ErrShards = errors.New("these are not the parts of one run")

// Merge makes one run of the parts that --shard has made: of runs that have the same role, subject, selection and number of
// parts. It leaves whole runs as they are, and keeps the order. Cases of a part that is missing count as not run, so no
// clause that they cover holds. The time of a merged run is the sum of its parts'.
//
// It returns an error that wraps [ErrShards] if a part is there twice, or if parts come from different versions of
// pyproctest, which do not divide the same cases.
func Merge(runs ...Run) ([]Run, error) {
	var order []string
	groups := map[string][]Run{}
	for i, r := range runs {
		key := fmt.Sprint(i) // a run of its own
		if a := r.Asked; a.Shards > 1 {
			key = fmt.Sprintf("%q %q %q %v %q %q %q %q %d %d", r.Role, r.Subject, r.Spec, r.Strict, a.Framings, a.Only, a.Covering, a.Except, a.Shards, r.Repeat)
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], r)
	}
	var merged []Run
	for _, key := range order {
		run, err := mergeParts(groups[key])
		if err != nil {
			return nil, err
		}
		merged = append(merged, run)
	}
	return merged, nil
}

// mergeParts makes one run of its parts.
func mergeParts(parts []Run) (Run, error) {
	if parts[0].Asked.Shards <= 1 {
		return parts[0], nil
	}
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Run) int { return a.Asked.Shard - b.Asked.Shard })
	all := parts[0]
	all.Asked.Shard, all.Asked.Shards = 0, 0
	all.Results, all.Missed, all.NotRun, all.Notes, all.SetUp, all.Elapsed, all.Known = nil, nil, nil, nil, "", 0, nil
	all.Rerun = Rerun{All: withoutShard(all.Rerun.All), One: withoutShard(all.Rerun.One)}
	for i, p := range parts {
		if i > 0 && p.Asked.Shard == parts[i-1].Asked.Shard {
			return Run{}, fmt.Errorf("%w: part %d of %d of %s is there twice", ErrShards, p.Asked.Shard, p.Asked.Shards, p.name())
		}
		if was := parts[0].Environment.Version; p.Environment.Version != was {
			return Run{}, fmt.Errorf("%w: part %d of %d of %s was run by pyproctest %s, and part %d by %s", ErrShards,
				p.Asked.Shard, p.Asked.Shards, p.name(), p.Environment.Version, parts[0].Asked.Shard, was)
		}
		all.add(p)
	}
	if err := all.addGaps(parts); err != nil {
		return Run{}, err
	}
	return all, nil
}

// add adds what a part found.
func (r *Run) add(part Run) {
	for _, res := range part.Results {
		// Each part of a worker that cannot be started says so by the same case.
		if !slices.ContainsFunc(r.Results, func(have result.Result) bool { return have.ID == res.ID && have.Status == res.Status }) {
			r.Results = append(r.Results, res)
		}
	}
	r.Missed = append(r.Missed, part.Missed...)
	r.NotRun = union(r.NotRun, part.NotRun)
	r.Notes = union(r.Notes, part.Notes)
	r.Elapsed += part.Elapsed
	r.Interrupted = r.Interrupted || part.Interrupted
	r.Signalled = r.Signalled || part.Signalled
	if part.Started.Before(r.Started) {
		r.Started = part.Started
	}
	if part.SetUp != "" && r.SetUp == "" {
		r.SetUp = fmt.Sprintf("part %d of %d: %s", part.Asked.Shard, part.Asked.Shards, part.SetUp)
	}
	if part.Known != nil {
		r.Known = mergeKnown(r.Known, *part.Known)
	}
}

// mergeKnown adds what a known-failing list says of one more part. An entry that no part could judge alone stays unjudged.
func mergeKnown(all *known.Outcome, part known.Outcome) *known.Outcome {
	if all == nil {
		return &part
	}
	sum := *all
	sum.Excused = slices.Concat(all.Excused, part.Excused)
	sum.Problems = slices.Clone(all.Problems)
	for _, p := range part.Problems {
		if !slices.Contains(sum.Problems, p) {
			sum.Problems = append(sum.Problems, p)
		}
	}
	sum.Unjudged = min(all.Unjudged, part.Unjudged) // what one part judged is judged
	return &sum
}

// addGaps adds the cases of the parts that are missing, and puts the results in the order of a whole run.
func (r *Run) addGaps(parts []Run) error {
	whole, err := catalog.Asked(r.Role, r.Spec, r.Asked)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrShards, err)
	}
	place := map[string]int{}
	for i, c := range whole {
		place[c.ID] = i
	}
	slices.SortStableFunc(r.Results, func(a, b result.Result) int { return place[a.ID] - place[b.ID] })

	n := parts[0].Asked.Shards
	var missing []string
	for shard := 1; shard <= n; shard++ {
		if slices.ContainsFunc(parts, func(p Run) bool { return p.Asked.Shard == shard }) {
			continue
		}
		asked := r.Asked
		asked.Shard, asked.Shards = shard, n
		cases, err := catalog.Asked(r.Role, r.Spec, asked)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrShards, err)
		}
		r.Missed = append(r.Missed, cases...)
		missing = append(missing, fmt.Sprintf("%d/%d", shard, n))
	}
	if len(missing) > 0 {
		r.Interrupted = true
		r.NotRun = append(r.NotRun, fmt.Sprintf("no report of --shard %s was given", strings.Join(missing, ", ")))
	}
	return nil
}

// withoutShard removes --shard and its value from a command.
func withoutShard(words []string) []string {
	if at := slices.Index(words, "--shard"); at >= 0 && at+1 < len(words) {
		return slices.Concat(words[:at], words[at+2:])
	}
	return words
}

// union appends the texts that are not there yet.
func union(all, more []string) []string {
	for _, text := range more {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
