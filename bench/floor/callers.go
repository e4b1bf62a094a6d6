package floor

import (
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/bench/turns"
)

// CallersSide is Side with a goroutine for each caller, and with one that reads and hands each answer to the
// caller whose it is: the least of what a pool does that many goroutines may call.
func (l *Loop) CallersSide(callers int, body []byte) turns.Side {
	return turns.Side{
		Processes: func() []int { return []int{l.pid} },
		Run: func(n int, latencies *turns.Latencies) error {
			s := &sharedLoop{Loop: l, body: body, owners: map[uint64]chan struct{}{}, woken: callers}
			return s.run(n/callers, callers, latencies)
		},
	}
}

type sharedLoop struct {
	*Loop
	body []byte

	mu     sync.Mutex
	owners map[uint64]chan struct{} // by request ID
	woken  int                      // callers that have neither called since nor ended; the last one writes
	failed error
}

// run makes so many calls from each of the callers.
func (s *sharedLoop) run(each, callers int, latencies *turns.Latencies) error {
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			answered := make(chan struct{}, 1)
			for range each {
				start := time.Now()
				if !s.call(answered) {
					return
				}
				if callers == 1 {
					latencies.Add(time.Since(start))
				}
			}
			s.mu.Lock()
			s.flushAfterLast()
			s.mu.Unlock()
		})
	}
	s.handOut(each * callers)
	all.Wait()
	return s.failed
}

func (s *sharedLoop) call(answered chan struct{}) bool {
	s.mu.Lock()
	s.add(s.body)
	s.owners[s.id] = answered
	s.flushAfterLast()
	ok := s.failed == nil
	s.mu.Unlock()
	if ok {
		<-answered
	}
	return ok
}

func (s *sharedLoop) flushAfterLast() {
	if s.woken--; s.woken != 0 {
		return
	}
	if err := s.flush(); err != nil {
		s.failed = err
		_ = s.conn.Close() // which ends the reading
	}
}

// handOut reads n answers, and wakes the callers of those that came together at once.
func (s *sharedLoop) handOut(n int) {
	var arrived []uint64
	for n > 0 {
		err := s.read(s.body)
		arrived = append(arrived, s.answered)
		n--
		if err == nil && n > 0 && s.hasFrame() {
			continue
		}
		s.mu.Lock()
		s.woken += len(arrived)
		for _, id := range arrived {
			if owner := s.owners[id]; owner != nil {
				owner <- struct{}{}
			}
			delete(s.owners, id)
		}
		arrived = arrived[:0]
		if err != nil {
			s.failed, n = err, 0
			for _, owner := range s.owners {
				owner <- struct{}{}
			}
		}
		s.mu.Unlock()
	}
}
