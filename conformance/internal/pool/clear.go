package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
)

// clear shuts the pool down, whatever state it is in, and then ends every process that is left. It is idempotent.
func (s *stage) clear() {
	if s.clearing.Swap(true) {
		return
	}
	close(s.storyEnded)
	s.withLock(func() {
		for _, w := range s.workers {
			w.readOnlyLocked(scripted.ReadAll)
		}
	})
	s.mu.Lock()
	calls := slices.Clone(s.calls)
	s.mu.Unlock()
	for _, c := range calls {
		c.cancel()
	}
	if s.opened {
		s.shutDownToClear()
	}
	_ = s.control.Close()
	s.withLock(func() {
		s.cleared = true
		for _, w := range s.workers {
			_ = w.control.Close()
		}
	})
	s.serving.Wait()
}

// shutDownToClear calls Shutdown after the story. When Shutdown returns, it looks for what the pool has left behind.
func (s *stage) shutDownToClear() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(s.t.WholeRun(), s.t.Patience()/4)
		defer cancel()
		defer func() {
			if r := recover(); r != nil {
				s.audit.report("SHD-5", "Shutdown without a panic", fmt.Sprintf("panic: %v", r))
			}
		}()
		_ = s.pool.Shutdown(ctx)
	}()
	// Not WaitFor: it would end the case when the whole run is over, and the stage must still be cleared.
	timer := time.NewTimer(s.t.ToEnd(s.t.Patience()))
	defer timer.Stop()
	select {
	case <-done:
		s.nothingIsLeft()
	case <-timer.C:
		s.t.Note("case", "Shutdown, called to clear the stage, has not returned after %v", s.t.Patience())
	}
}

// closeRemote ends the process of a pool that lives in a process of its own.
func (s *stage) closeRemote() {
	if p, ok := s.pool.(guarded); ok && p.remote() != nil {
		_ = p.remote().Close()
	}
}
