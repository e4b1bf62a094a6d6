package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// cycles is the part that starts and stops pools, of which every second start is to fail.
type cycles struct {
	*place
	wrong *wrongs

	started, failed atomic.Int64
	times           *latencies // of starts that are not to fail
}

func newCycles(p *place, w *wrongs) *cycles {
	return &cycles{place: p, wrong: w, times: newLatencies(time.Now(), p.duration)}
}

func (c *cycles) made() int { return int(c.started.Load() + c.failed.Load()) }

// cyclesPart is the number of this part, for its random sequences, and cyclesAtOnce how many pools there are
// at any moment.
const (
	cyclesPart   = 1000
	cyclesAtOnce = 2
)

func (c *cycles) run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range cyclesAtOnce {
		all.Go(func() {
			r := stream(c.seed, cyclesPart, i)
			for number := 0; ctx.Err() == nil; number++ {
				plan := nextCycle(r, number)
				// The end of the time does not end a cycle: one that is cut short would say nothing.
				if err := c.cycle(context.WithoutCancel(ctx), fmt.Sprintf("%d-%d", i, number), plan); err != nil {
					c.wrong.add(wrongCycle, "number %d-%d, of %s, to fail by %q: %v", i, number, plan.kind, plan.fails, err)
				}
			}
		})
	}
	all.Wait()
}

// cycle starts a pool, calls it, stops it, and looks at what is left.
func (c *cycles) cycle(ctx context.Context, number string, plan cycle) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	part := "cycle " + number + "."
	sockets := filepath.Join(c.dir, "c"+number)
	if err := os.Mkdir(sockets, 0o700); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, c.leftOf(part, sockets), os.RemoveAll(sockets), os.RemoveAll(sockets+"one"))
	}()
	o := c.options(plan.kind, part, failVariable+"="+plan.fails, failOnceVariable+"="+sockets+"one")
	o.SocketDir, o.Workers = sockets, 2
	switch plan.fails {
	case "silent":
		o.StartTimeout = 100 * time.Millisecond
	case "absent":
		o.Command = []string{filepath.Join(sockets, "absent")}
	}
	p, err := c.open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop(ctx, p, plan)) }()

	start := ctx
	if plan.fails == "cancel" {
		var giveUp context.CancelFunc
		start, giveUp = context.WithTimeout(ctx, plan.cancel)
		defer giveUp()
	}
	began := time.Now()
	err = p.Start(start)
	var failure *pool.StartError
	switch {
	case plan.fails == "":
		if err != nil {
			return fmt.Errorf("the start failed: %w", err)
		}
		c.started.Add(1)
		c.times.add(time.Now(), time.Since(began))
		return c.callAll(ctx, p)
	case plan.fails == "cancel" && err == nil:
		c.started.Add(1) // it was faster
		return c.callAll(ctx, p)
	case err == nil:
		return errors.New("the start succeeded")
	case plan.fails != "cancel" && !errors.As(err, &failure):
		return fmt.Errorf("the start failed with %T, which names no worker: %w", err, err)
	}
	c.failed.Add(1)
	if left := c.leftOf(part, sockets); left != nil {
		return fmt.Errorf("after the start that failed: %w", left)
	}
	if _, err := p.Call(ctx, "run", body{}); err == nil {
		return errors.New("a call was answered after a start that failed")
	}
	return nil
}

// callAll calls each worker twice.
func (c *cycles) callAll(ctx context.Context, p system) error {
	for n := range uint64(4) {
		sent := body{N: n + 1, Pad: "of a cycle"}
		answer, err := p.Call(ctx, "run", sent)
		if err != nil {
			return fmt.Errorf("a call failed: %w", err)
		}
		var got body
		if err := json.Unmarshal(answer, &got); err != nil || got != sent {
			return fmt.Errorf("%s is not the answer to %+v: %w", answer, sent, err)
		}
	}
	return nil
}

func (c *cycles) stop(ctx context.Context, p system, plan cycle) error {
	if plan.hurry {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	if err := p.Shutdown(ctx); err != nil && !(plan.hurry && errors.Is(err, context.Canceled)) {
		return fmt.Errorf("the shutdown failed: %w", err)
	}
	return nil
}

// leftOf is what is there of a pool that has nothing more.
func (c *cycles) leftOf(part, sockets string) error {
	var left []string
	for _, o := range ownProcesses(c.mark+" "+part, false) {
		left = append(left, "process "+o.String())
		o.kill()
	}
	left = append(left, filesIn(sockets)...)
	if len(left) > 0 {
		return fmt.Errorf("left are %s", strings.Join(left, ", "))
	}
	return nil
}
