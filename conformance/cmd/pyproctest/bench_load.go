package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/bench/load"
	"github.com/pyproctest/pyproctest/bench/rounds"
	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// benchLoad is the load of calls at a rate.
type benchLoad struct {
	rates   []load.Rate
	mix     load.Mix
	mixText string
	each    time.Duration
}

// load reads --rate, --mix and --for. It is nil where calls do not come at a rate.
func (b *benchFlags) load(role spec.Role) (*benchLoad, error) {
	l := &benchLoad{rates: load.DefaultRates, mixText: b.mix, each: b.span}
	var err error
	if b.rate != "" {
		if l.rates, err = load.ParseRates(b.rate); err != nil {
			return nil, fmt.Errorf("--rate: %w", err)
		}
	}
	if l.mix, err = load.ParseMix(b.mix); err != nil {
		return nil, fmt.Errorf("--mix: %w", err)
	}
	const longest = 24 * time.Hour
	switch {
	case b.span < 100*time.Millisecond || b.span > longest:
		return nil, fmt.Errorf("--for %v: give a time from 100ms to 24h", b.span)
	case role != spec.RoleWorker && b.rate != "":
		return nil, errors.New("--rate: only a worker is called at a rate. The time of a call through an adapter is that of the adapter too; in Go, package bench/load calls a pool")
	case role != spec.RoleWorker || b.quick && b.rate == "":
		return nil, nil
	}
	return l, nil
}

// takes is about how long the calls at a rate take for so many sides.
func (l *benchLoad) takes(sides int) time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(sides*(len(l.rates)+1)) * l.each * 5 / 4
}

// run measures after the plan, into the same results. A rate that cannot be kept up has no figures.
func (l *benchLoad) run(ctx context.Context, after *rounds.Plan, subjects []*benchSubject) (noFigure map[string]string, err error) {
	p := &rounds.Plan{Rounds: 1, Each: l.each, Config: after.Config, Notes: after.Notes, Out: after.Out, Progress: after.Progress}
	for _, s := range subjects {
		p.Sides = append(p.Sides, load.Rows(s.side, rows.StartWorkers(s.words), l.rates, l.mix, l.mixText, l.each))
	}
	return p.Run(ctx)
}
