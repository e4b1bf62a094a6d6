package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// The pool that is called. There are more callers than slots, so that some always wait for one.
const (
	poolWorkers = 4
	maxInFlight = 8
	callers     = poolWorkers*maxInFlight + 8
)

// patience is how long a call that nobody leaves may take. Stopped workers are continued within a quarter of a second.
const patience = time.Minute

// calls is the part that calls one kind of worker in trouble.
type calls struct {
	*place
	kind     kind
	number   int // of the part
	book     *book
	wrong    *wrongs
	duration time.Duration

	system  system
	ended   [wrongly + 1]atomic.Int64 // calls by outcome
	left    atomic.Int64              // of all these, those whose caller left
	killed  atomic.Int64
	stopped atomic.Int64
	spoilt  [2]atomic.Int64 // garbage, half frames

	latencies *latencies   // of answers to "run"
	heap      level        // bytes of this process
	elder     level        // bytes of the first worker
	elders    atomic.Int64 // processes that the first worker had
}

func newCalls(p *place, k kind, number int, b *book, w *wrongs, duration time.Duration) *calls {
	return &calls{place: p, kind: k, number: number, book: b, wrong: w, duration: duration}
}

func (c *calls) run(ctx context.Context) {
	c.latencies = newLatencies(time.Now(), c.duration)
	o := c.options(c.kind, "calls of "+c.kind.String(), journalVariable+"="+c.journals())
	o.Workers, o.MaxInFlight = poolWorkers, maxInFlight
	// The shortest waits, or there would be nobody to call: as many workers are killed as can be started.
	o.RestartMin, o.RestartMax = time.Millisecond, 20*time.Millisecond
	system, err := c.open(o)
	if err != nil {
		c.wrong.add(wrongCycle, "a pool of %s: %v", c.kind, err)
		return
	}
	c.system = system
	if err := c.system.Start(ctx); err != nil {
		if ctx.Err() == nil {
			c.wrong.add(wrongCycle, "the start for the calls of %s: %v", c.kind, err)
		}
		return
	}
	c.latencies = newLatencies(time.Now(), c.duration)
	trouble, stop := context.WithTimeout(ctx, c.duration)
	defer stop()
	var all, watchers sync.WaitGroup
	for i := range callers {
		all.Go(func() { c.keepCalling(trouble, stream(c.seed, c.number, i)) })
	}
	watchers.Go(func() { c.makeTrouble(trouble, stream(c.seed, c.number, callers)) })
	watchers.Go(func() { c.watch(trouble) })
	all.Wait()
	watchers.Wait()

	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := c.system.Shutdown(end); err != nil {
		c.wrong.add(wrongCycle, "the shutdown after the calls of %s: %v", c.kind, err)
	}
}

func (c *calls) keepCalling(trouble context.Context, r *rand.Rand) {
	for trouble.Err() == nil {
		n, room := c.book.next()
		if !room {
			return
		}
		if c.call(trouble, n, nextStep(r)) == unsent {
			// Nobody is up, or the caller left at once: calls that are not made must not crowd out those that are.
			rest(trouble, time.Millisecond)
		}
	}
}

// call makes one call and judges what comes of it. That the trouble ends does not end it.
func (c *calls) call(trouble context.Context, n uint64, s step) outcome {
	limit := patience
	if s.leaves > 0 {
		limit = s.leaves
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(trouble), limit)
	defer cancel()
	sent := body{N: n, MS: s.ms, Pad: s.pad}
	start := time.Now()
	answer, err := c.system.Call(ctx, s.method, sent)
	took := time.Since(start)
	o := c.judge(sent, s.method, answer, err)
	c.book.enter(n, o)
	c.ended[o].Add(1)
	if s.leaves > 0 && err != nil && errors.Is(err, context.DeadlineExceeded) {
		c.left.Add(1)
	}
	if s.leaves == 0 && errors.Is(err, context.DeadlineExceeded) {
		c.wrong.add(noEnd, "call %d of %s: no end within %v: %v", n, c.kind, patience, err)
	}
	if o == answered && s.method == "run" {
		c.latencies.add(time.Now(), took)
	}
	return o
}

// judge says what an answer or an error makes of a call.
func (c *calls) judge(sent body, method string, answer []byte, err error) outcome {
	var remote *pool.RemoteError
	switch {
	case err == nil && method == "fail":
		c.wrong.add(wrongAnswer, "call %d of %s: %s was answered with %.100s", sent.N, c.kind, method, answer)
		return wrongly
	case err == nil:
		var got body
		switch err := json.Unmarshal(answer, &got); {
		case err != nil:
			c.wrong.add(wrongAnswer, "call %d of %s: %.100s: %v", sent.N, c.kind, answer, err)
		case got.N != sent.N:
			c.wrong.add(ofAnother, "call %d of %s got the answer of %d", sent.N, c.kind, got.N)
		case got != sent:
			c.wrong.add(wrongAnswer, "call %d of %s: %.100s is not what was sent", sent.N, c.kind, answer)
		default:
			return answered
		}
		return wrongly
	case errors.As(err, &remote) && strings.Contains(remote.Message, "#"):
		if method == "fail" && strings.Contains(remote.Message, fmt.Sprintf("#%d#", sent.N)) {
			return answered
		}
		c.wrong.add(ofAnother, "call %d of %s got the error answer %.100q", sent.N, c.kind, remote.Message)
		return wrongly
	case remote != nil:
		return refused
	case errors.Is(err, pool.ErrMayHaveRun):
		return mayHaveRun
	}
	return unsent
}

// makeTrouble kills, stops and spoils until the time is over. Then every worker that was stopped runs again.
func (c *calls) makeTrouble(ctx context.Context, r *rand.Rand) {
	var later sync.WaitGroup
	defer later.Wait()
	for rest(ctx, beat) {
		t := nextTrouble(r, poolWorkers)
		pids := c.system.PIDs()
		if len(pids) < poolWorkers {
			continue // a pool that has stopped by itself
		}
		for i := range poolWorkers - 1 {
			if signalOwn(pids[1+(t.victim-1+i)%(poolWorkers-1)], c.mark, syscall.SIGKILL) {
				c.killed.Add(1)
				break
			}
		}
		if t.stopped >= 0 && signalOwn(pids[t.stopped], c.mark, syscall.SIGSTOP) {
			c.stopped.Add(1)
			later.Go(func() {
				rest(ctx, t.stopFor)
				signalOwn(pids[t.stopped], c.mark, syscall.SIGCONT)
			})
		}
		if t.spoil != "" {
			later.Go(func() {
				limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				ask := body{Spare: pids[0], Enhanced: c.kind.framing == frame.Enhanced}
				_, _ = c.system.Call(limit, t.spoil, ask) // what comes of it is seen by the other calls
				if t.spoil == "garbage" {
					c.spoilt[0].Add(1)
				} else {
					c.spoilt[1].Add(1)
				}
			})
		}
	}
}

// watch reads the journals, and looks at memory, now and then.
func (c *calls) watch(ctx context.Context) {
	last := 0
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for rest(ctx, min(max(c.duration/100, 50*time.Millisecond), time.Second)) {
		if err := c.book.collect(c.journals(), c.mark); err != nil {
			c.wrong.add(strangeRun, "what workers wrote down cannot be read: %v", err)
			return
		}
		tenth := c.latencies.tenth(time.Now())
		metrics.Read(heap)
		c.heap.add(tenth, float64(heap[0].Value.Uint64()))
		if pids := c.system.PIDs(); len(pids) > 0 && pids[0] != 0 {
			if memory := residentBytes(pids[0]); memory > 0 {
				if pids[0] != last {
					last = pids[0]
					c.elders.Add(1)
				}
				c.elder.add(tenth, memory)
			}
		}
	}
}

// made is how many calls were made and sent, or would have been answered at once.
func (c *calls) made() int64 {
	var n int64
	for o := answered; o <= wrongly; o++ {
		if o != unsent {
			n += c.ended[o].Load()
		}
	}
	return n
}

// rest waits, and says whether ctx goes on.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
