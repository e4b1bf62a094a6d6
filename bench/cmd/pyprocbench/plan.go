package main

import (
	"strings"
	"time"
)

// rows is a choice of rows of one benchmark, each element a regular expression.
func rows(benchmark string, elements ...string) string {
	for i, e := range elements {
		elements[i] = "^(" + e + ")$"
	}
	return "^Benchmark" + benchmark + "$/" + strings.Join(elements, "/")
}

// framingJobs have one side only, so their one placement is where they are disturbed least.
func framingJobs(benchtime string) []job {
	return []job{{
		what: "framing", binary: "bench", pattern: "^BenchmarkFraming$", placement: placements()[0],
		benchtime: benchtime, guess: 3 * time.Second,
	}}
}

// comparedJobs are those of bench-compare: the rows that the gate judges.
func comparedJobs() []job {
	return framingJobs("40ms")
}
