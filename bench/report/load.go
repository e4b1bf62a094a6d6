package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/bench/chart"
)

// byRate is the time of a call from the moment it was due, over the rate at which calls came.
func byRate(rows Rows) (figure, bool) {
	found := rows.Find("Load", "side=yours")
	c := chart.Lines{
		Title:  "Time of a call against the rate of calls",
		XLabel: "calls a second that come", YLabel: "time from the moment it was due", YLog: true, YText: tick(duration),
	}
	most := 0.0
	for i, q := range []struct{ unit, name string }{{"p50-sec", "half of the calls"}, {"p90-sec", "90 %"}, {"p99-sec", "99 %"}, {"p999-sec", "99.9 %"}} {
		series := chart.Series{Name: q.name, Color: []int{0, 1, 3, 2}[i]}
		for _, r := range found {
			if r.Key["rate"] == "closed" || r.Key["mix"] == "lines" {
				continue // which has no rate of its own, or is no call
			}
			rate, okRate := r.Value("offered/s")
			if v, ok := r.Value(q.unit); ok && okRate {
				most = max(most, rate)
				series.Points = append(series.Points, chart.Point{X: rate, Y: v, Tip: fmt.Sprintf("%s: %s", si("calls/s")(rate), duration(v))})
			}
		}
		slices.SortFunc(series.Points, func(a, b chart.Point) int { return cmp.Compare(a.X, b.X) })
		if len(series.Points) > 0 {
			c.Series = append(c.Series, series)
		}
	}
	about := "One line for each share of the calls, which took at most so long. Where a worker stalls, all calls that come meanwhile wait, and count."
	if lines := linesAlone(found); len(lines.Points) > 0 {
		c.Series = withFloor(lines, c.Series)
		about += " The dashed line is half of the times that the lines to the adapter and back took alone, at the same moments."
	}
	if len(c.Series) == 0 {
		return figure{}, false
	}
	c.XTicks = chart.RoundTicks(most)
	for i := range c.XTicks {
		c.XTicks[i].Text = tick(si(""))(c.XTicks[i].At)
	}
	return figure{
		Title: "How long calls take at a rate", SVG: c.SVG(),
		About: about,
	}, true
}

// linesAlone is what the lines to the adapter of a pool and back took, without a call.
func linesAlone(found Rows) chart.Series {
	series := chart.Series{Name: "lines alone, half", Color: 4, Dashed: true}
	for _, r := range found {
		rate, okRate := r.Value("offered/s")
		if v, ok := r.Value("p50-sec"); ok && okRate && r.Key["mix"] == "lines" {
			series.Points = append(series.Points, chart.Point{X: rate, Y: v, Tip: fmt.Sprintf("%s: %s", si("calls/s")(rate), duration(v))})
		}
	}
	slices.SortFunc(series.Points, func(a, b chart.Point) int { return cmp.Compare(a.X, b.X) })
	return series
}
