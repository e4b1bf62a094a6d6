package suite

import (
	"sync"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// progress calls the functions that follow a run. Their calls never overlap.
type progress struct {
	mu       sync.Mutex
	onStart  []func(ids []string)
	onCase   []func(id string)
	onResult []func(result.Result)
}

func (p *progress) runStarts(all []Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, j := range all {
		ids = append(ids, j.ID(j.Framing))
	}
	for _, f := range p.onStart {
		f(ids)
	}
}

func (p *progress) caseBegins(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.onCase {
		f(id)
	}
}

func (p *progress) caseEnded(r result.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.onResult {
		f(r)
	}
}
