package inspect

// idHistory remembers what happened to the IDs that were used last.
type idHistory struct {
	outcomes map[uint64]outcome
	order    []uint64 // a ring of the IDs in the order in which they came
	next     int
}

// outcome says what happened to an ID.
type outcome struct{ answered, cancelled bool }

// historyLimit is how many IDs are remembered. For a forgotten ID the finding is only less exact.
const historyLimit = 1 << 16

// of returns what happened to an ID; the zero value for one that is not remembered.
func (h *idHistory) of(id uint64) outcome { return h.outcomes[id] }

func (h *idHistory) set(id uint64, o outcome) {
	if h.outcomes == nil {
		h.outcomes = map[uint64]outcome{}
	}
	_, known := h.outcomes[id]
	h.outcomes[id] = o
	switch {
	case known:
	case len(h.order) < historyLimit:
		h.order = append(h.order, id)
	default:
		delete(h.outcomes, h.order[h.next])
		h.order[h.next] = id
		h.next = (h.next + 1) % historyLimit
	}
}
