package explore

import (
	"math/rand/v2"
	"slices"
)

// guide keeps the histories that showed something new, and varies them. It knows nothing of the subject but what was seen.
type guide struct {
	times    map[string]int     // how often a feature was seen
	shortest map[string]History // the shortest history that showed it
	names    []string           // of the features, in the order in which they were kept, so that a seed gives the same choice
}

// mostKept bounds how many features have a history.
const mostKept = 500

// learn takes the features of a history. A feature counts once it was seen twice: what is seen once may be chance.
func (g *guide) learn(h History, features []string) {
	if g.times == nil {
		g.times, g.shortest = map[string]int{}, map[string]History{}
	}
	for _, f := range features {
		g.times[f]++
		old, has := g.shortest[f]
		switch {
		case has && len(h.Steps) < len(old.Steps):
			g.shortest[f] = h
		case !has && g.times[f] >= 2 && len(g.names) < mostKept:
			g.shortest[f] = h
			g.names = append(g.names, f)
		}
	}
}

// vary returns a kept history with changes. Rare features are drawn more often. It reports false while there is none.
func (g *guide) vary(r *rand.Rand) (History, bool) {
	if len(g.names) == 0 {
		return History{}, false
	}
	draw := func() History {
		name := g.names[r.IntN(len(g.names))]
		for range 3 {
			if other := g.names[r.IntN(len(g.names))]; g.times[other] < g.times[name] {
				name = other
			}
		}
		return g.shortest[name].Clone()
	}
	h := draw()
	for range 1 + r.IntN(3) {
		n := len(h.Steps)
		if n == 0 {
			break
		}
		at := r.IntN(n)
		switch r.IntN(6) {
		case 0: // behind the beginning of this one the end of another
			other := draw()
			if h.Options == other.Options {
				h.Steps = append(h.Steps[:at+1:at+1], other.Steps...)
			}
		case 1:
			h.Steps = slices.Insert(h.Steps, at, h.Steps[at])
		case 2:
			h.Steps = slices.Delete(h.Steps, at, at+1)
		case 3:
			to := r.IntN(n)
			step := h.Steps[at]
			h.Steps = slices.Insert(slices.Delete(h.Steps, at, at+1), min(to, n-1), step)
		case 4:
			h.Steps = slices.Insert(h.Steps, at, Step{Do: "settle"})
		case 5:
			h.Steps[at].Hold = !h.Steps[at].Hold
		}
	}
	const longest = 120
	h.Steps = h.Steps[:min(len(h.Steps), longest)]
	h.Expect, h.Failed = nil, nil
	return h, len(h.Steps) > 0
}
