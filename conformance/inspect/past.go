package inspect

// pastIDs remembers what became of the IDs used last.
type pastIDs struct {
	became map[uint64]past
	order  []uint64 // in which they came, as a ring
	next   int
}

// past is what became of an ID.
type past struct{ answered, cancelled bool }

// pastLimit is how many IDs are remembered. What is forgotten only makes a finding less exact.
const pastLimit = 1 << 16

func (p *pastIDs) of(id uint64) past { return p.became[id] }

func (p *pastIDs) set(id uint64, became past) {
	if p.became == nil {
		p.became = map[uint64]past{}
	}
	_, known := p.became[id]
	p.became[id] = became
	switch {
	case known:
	case len(p.order) < pastLimit:
		p.order = append(p.order, id)
	default:
		delete(p.became, p.order[p.next])
		p.order[p.next] = id
		p.next = (p.next + 1) % pastLimit
	}
}
