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

// DefaultRates are shares of what a closed loop reaches.
var DefaultRates = []Rate{{"25%", 0, 0.25}, {"50%", 0, 0.5}, {"75%", 0, 0.75}, {"90%", 0, 0.9}}

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

// Rows returns a row of a closed loop, and one for each rate. They have no floor, and no x-floor: what waits for what depends
// on the rate, and a ratio of two waiting times is not one of two speeds. Each lasts so long.
func Rows(side string, start rows.Starter, rates []Rate, mix Mix, mixText string, each time.Duration) []rows.Row {
	reached := 0.0
	row := func(rate string, measure func(ctx context.Context, call Call) (Result, error)) rows.Row {
		keys := fmt.Sprintf("mix=%s/rate=%s", mixText, rate)
		return rows.Own("Load", side, keys, start, func(ctx context.Context, call rows.Call) ([]turns.Metric, error) {
			r, err := measure(ctx, checked(call))
			if err != nil {
				return nil, err
			}
			return metrics(r), nil
		})
	}
	all := []rows.Row{row("closed", func(ctx context.Context, call Call) (Result, error) {
		r, err := Closed(ctx, Options{For: each, Mix: mix}, closedCallers, call)
		reached = r.Rate
		return r, err
	})}
	for _, rate := range rates {
		all = append(all, row(rate.Text, func(ctx context.Context, call Call) (Result, error) {
			calls := rate.Calls
			if calls == 0 {
				calls = rate.Share * reached
			}
			if calls == 0 {
				return Result{}, fmt.Errorf("what a closed loop reaches is not known, of which %s is a share", rate.Text)
			}
			r, err := Open(ctx, Options{Rate: calls, For: each, Mix: mix}, call)
			if errors.Is(err, ErrTooFast) {
				err = fmt.Errorf("%w: %w", rows.ErrNoFigure, err)
			}
			return r, err
		}))
	}
	return all
}

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
