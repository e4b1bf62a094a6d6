package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/bench/turns"
)

// Rate is a rate of calls.
type Rate struct {
	Text  string  // as it stands in the name of a row: "2000" or "50%"
	Calls float64 // a second; 0 where Share says it
	Share float64 // of what a closed loop reaches in the same run
}

// DefaultRates are shares of what a closed loop reaches, and DefaultKinds is calls of echo with 64 bytes.
const (
	DefaultRates = "25%,50%,75%,90%"
	DefaultKinds = "64B"
)

// ParseRates reads rates such as 2000,50%: calls a second, or percent of what a closed loop reaches in the same run.
func ParseRates(text string) ([]Rate, error) {
	var rates []Rate
	for part := range strings.SplitSeq(text, ",") {
		r := Rate{Text: strings.TrimSpace(part)}
		digits, percent := strings.CutSuffix(r.Text, "%")
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil || !(v > 0 && v <= 1e7) {
			return nil, fmt.Errorf("%q is no rate: give calls a second, such as 2000, or a share of what a closed loop reaches, such as 50%%", part)
		}
		if percent {
			r.Share = v / 100
		} else {
			r.Calls = v
		}
		rates = append(rates, r)
	}
	return rates, nil
}

// closedCallers is how many callers the closed loop has: as many as a pool has in flight at one worker.
const closedCallers = 16

// Plan says what is called, and at which rates.
type Plan struct {
	Rates []Rate
	Mix   Mix
	Text  string        // of the mix, in the names of rows
	Each  time.Duration // how long calls come for a row; 0: for as long as the row may last

	// Lines is for a pool of another program: at each rate its adapter is also asked, at the same moments, for what it knows
	// without a worker, in rows with mix=lines. That is what the lines to it and back cost, which is in the times of calls.
	Lines bool
}

// ParsePlan reads rates and a mix, as [ParseRates] and [ParseMix] do.
func ParsePlan(rates, mix string) (p Plan, err error) {
	if p.Rates, err = ParseRates(rates); err != nil {
		return p, err
	}
	p.Text = mix
	p.Mix, err = ParseMix(mix)
	return p, err
}

// linesMix is what stands for the mix in the name of a row of lines.
const linesMix = "lines"

// Rows returns a row of a closed loop, and one for each rate. They have no floor, and no x-floor: what waits for what depends
// on the rate, and a ratio of two waiting times is not one of two speeds.
func Rows(side string, start rows.Starter, p Plan) []rows.Row {
	reached := 0.0
	row := func(mix, rate string, measure func(ctx context.Context, to rows.Running, o Options) (Result, error)) rows.Row {
		keys := fmt.Sprintf("mix=%s/rate=%s", mix, rate)
		return rows.Own("Load", side, keys, start, func(ctx context.Context, to rows.Running, more func() bool) ([]turns.Metric, error) {
			o := Options{For: p.Each, Mix: p.Mix}
			if p.Each == 0 {
				o.For, o.More = longest, more
			}
			r, err := measure(ctx, to, o)
			if err != nil {
				return nil, err
			}
			return metrics(r), nil
		})
	}
	closed := func(ctx context.Context, to rows.Running, o Options) (Result, error) {
		r, err := Closed(ctx, o, closedCallers, checked(to.Call))
		reached = r.Rate
		return r, err
	}
	open := func(rate Rate, call func(rows.Running) rows.Call) func(context.Context, rows.Running, Options) (Result, error) {
		return func(ctx context.Context, to rows.Running, o Options) (Result, error) {
			if o.Rate = rate.Calls; rate.Share > 0 {
				if reached == 0 { // its row was left out
					if _, err := closed(ctx, to, Options{For: leftOut, Mix: p.Mix}); err != nil {
						return Result{}, err
					}
				}
				o.Rate = rate.Share * reached
			}
			r, err := Open(ctx, o, checked(call(to)))
			if errors.Is(err, ErrTooFast) {
				err = fmt.Errorf("%w: %w", rows.ErrNoFigure, err)
			}
			return r, err
		}
	}
	all := []rows.Row{row(p.Text, "closed", closed)}
	for _, rate := range p.Rates {
		all = append(all, row(p.Text, rate.Text, open(rate, func(to rows.Running) rows.Call { return to.Call })))
		if p.Lines {
			all = append(all, row(linesMix, rate.Text, open(rate, func(to rows.Running) rows.Call { return to.Lines })))
		}
	}
	return all
}

const (
	longest = time.Hour   // as long as a histogram reaches
	leftOut = time.Second // how long the closed loop runs where its row was not chosen
)

// checked looks at what echo gives back.
func checked(call rows.Call) Call {
	return func(ctx context.Context, method string, body json.RawMessage) error {
		answer, err := call(ctx, method, body)
		switch {
		case err != nil:
			return fmt.Errorf("a call of %s failed: %w", method, err)
		case method == "echo" && !bytes.Equal(answer, body):
			return fmt.Errorf("echo gave %d bytes back that are not the %d it was sent", len(answer), len(body))
		}
		return nil
	}
}

// metrics leaves out a percentile beyond which there is no call.
func metrics(r Result) []turns.Metric {
	all := []turns.Metric{{Value: r.Offered, Unit: "offered/s"}, {Value: r.Rate, Unit: "calls/s"}}
	for _, p := range []struct {
		percentile float64
		unit       string
	}{{50, "p50-ns"}, {75, "p75-ns"}, {90, "p90-ns"}, {95, "p95-ns"}, {99, "p99-ns"}, {99.9, "p999-ns"}} {
		if float64(r.Calls)*(1-p.percentile/100) >= 1 || p.percentile == 50 && r.Calls > 0 {
			all = append(all, turns.Metric{Value: float64(r.At(p.percentile)), Unit: p.unit})
		}
	}
	if r.Calls >= 100 && r.Late != nil {
		all = append(all, turns.Metric{Value: float64(r.Late.ValueAtQuantile(99)), Unit: "late-p99-ns"})
	}
	return all
}
