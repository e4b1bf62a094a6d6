package suite

import (
	"sync"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// progress tells whoever asked how the run goes on, one thing at a time.
type progress struct {
	mu     sync.Mutex
	start  []func(ids []string)
	begin  []func(id string)
	result []func(result.Result)
}

func (p *progress) starts(all []Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, j := range all {
		ids = append(ids, j.ID(j.Framing))
	}
	for _, f := range p.start {
		f(ids)
	}
}

func (p *progress) begins(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.begin {
		f(id)
	}
}

func (p *progress) ended(r result.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.result {
		f(r)
	}
}
