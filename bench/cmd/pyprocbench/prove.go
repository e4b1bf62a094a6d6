package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyproctest/pyproctest/bench/gate"
)

// prove asks whether a comparison can be trusted: it compares the work tree with itself, where every alarm
// is a false one, and with plants in it, each of which is to be caught.
func prove(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("prove", flag.ContinueOnError)
	tree := flags.String("tree", ".", "the work tree")
	times := flags.Int("times", 20, "comparisons of the work tree with itself; one false alarm in 20 is borne")
	planted := flags.Int("planted", 10, "comparisons with each plant; none may be missed")
	rounds := flags.Int("rounds", 10, "runs of each version in a comparison, as for compare")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := checkPython(ctx); err != nil {
		return err
	}
	head, err := git(ctx, *tree, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	p := &proof{ctx: ctx, tree: head, out: filepath.Join(head, ".cache", "bench", "prove"), rounds: *rounds, to: os.Stdout}
	alarms, err := p.alarms(*times)
	if err != nil {
		return err
	}
	missed := 0
	for _, plant := range plants {
		n, err := p.missed(plant, *planted)
		if err != nil {
			return err
		}
		missed += n
	}
	if alarms*20 > max(*times, 20) || missed > 0 {
		return fmt.Errorf("the comparison is not to be trusted: %d false alarms, %d plants missed", alarms, missed)
	}
	return nil
}

type proof struct {
	ctx    context.Context
	tree   string
	out    string // a folder for binaries and results
	rounds int
	to     io.Writer
}

// alarms compares the work tree with itself so many times, and counts the comparisons that failed.
func (p *proof) alarms(times int) (alarms int, err error) {
	v, err := p.versions("")
	if err != nil {
		return 0, err
	}
	for i := range times {
		verdict, err := p.compare(v, comparedJobs())
		if err != nil {
			return alarms, err
		}
		failures := verdict.Failures()
		if len(failures) > 0 {
			alarms++
		}
		p.say("with itself, %d of %d: %d measurements, %d alarms%s\n", i+1, times, len(verdict.Judgements), len(failures), lines(failures))
	}
	p.say("the work tree compared with itself: %d false alarms in %d comparisons\n", alarms, times)
	return alarms, nil
}

// missed compares the work tree with itself and the plant so many times, and counts how often no row that
// it slows down was found worse.
func (p *proof) missed(plant plant, times int) (missed int, err error) {
	dir := filepath.Join(p.out, "planted")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	overlay, err := plant.overlay(p.tree, dir)
	if err != nil {
		return 0, err
	}
	v, err := p.versions(overlay)
	if err != nil {
		return 0, err
	}
	jobs := framingJobs("40ms")
	jobs[0].pattern = rows("Framing", "op="+plant.op)
	for i := range times {
		verdict, err := p.compare(v, jobs)
		if err != nil {
			return missed, err
		}
		caught := plant.among(verdict.Failures())
		if len(caught) == 0 {
			missed++
		}
		p.say("%s, %d of %d: caught by %d measurements%s\n", plant.what, i+1, times, len(caught), lines(caught))
	}
	p.say("%s: caught in %d of %d comparisons\n", plant.what, times-missed, times)
	return missed, nil
}

// among are the failures that the plant is to cause.
func (p plant) among(failures []gate.Judgement) []gate.Judgement {
	var caught []gate.Judgement
	for _, j := range failures {
		if j.Change == gate.Worse && strings.HasPrefix(j.Row, "Framing/op="+p.op+"/framing=enhanced/") && j.Unit == p.unit {
			caught = append(caught, j)
		}
	}
	return caught
}

// versions builds the work tree twice, the second time with the overlay, if any.
func (p *proof) versions(overlay string) ([]*version, error) {
	var versions []*version
	for _, v := range []struct{ name, overlay string }{{"base", ""}, {"head", overlay}} {
		binaries, err := build(p.ctx, p.tree, filepath.Join(p.out, v.name+".built"), v.overlay, "bench")
		if err != nil {
			return nil, err
		}
		versions = append(versions, &version{name: v.name, binaries: binaries, env: environment(p.tree)})
	}
	return versions, nil
}

// compare is one comparison, as bench-compare makes it.
func (p *proof) compare(versions []*version, jobs []job) (gate.Verdict, error) {
	m := &measurement{jobs: jobs, versions: versions, rounds: p.rounds, config: machine()}
	first, err := m.compared(p.ctx, p.out, "")
	if err != nil {
		return gate.Verdict{}, err
	}
	verdict, err := first.judge()
	if err != nil {
		return gate.Verdict{}, err
	}
	return m.confirmed(p.ctx, p.out, verdict)
}

func (p *proof) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.to, format, args...)
}

func lines(judgements []gate.Judgement) string {
	var b strings.Builder
	for _, j := range judgements {
		b.WriteString("\n    " + j.String())
	}
	return b.String()
}
