package main

import (
	"strings"
	"time"
)

// rows is the pattern of -test.bench for rows of one benchmark, each part of their names a regular
// expression.
func rows(benchmark string, parts ...string) string {
	for i, p := range parts {
		parts[i] = "^(" + p + ")$"
	}
	return strings.Join(append([]string{"^Benchmark" + benchmark + "$"}, parts...), "/")
}

// framingJobs have one side only, so their one placement is where they are disturbed least.
func framingJobs(benchtime string) []job {
	return []job{{
		what: "framing", binary: "bench", pattern: "^BenchmarkFraming$", placement: placements()[0],
		benchtime: benchtime, guess: 3 * time.Second,
	}}
}

// calls are rows of BenchmarkCalls. framing, workers, size and callers are regular expressions.
func calls(where placement, side, framing, workers, size, callers string) job {
	what := "calls " + side
	if side == "pool" {
		what += " " + framing
	}
	return job{
		what: what + " " + size, binary: "bench", placement: where, benchtime: "100ms", guess: time.Second,
		pattern: rows("Calls", "side="+side, "framing="+framing, "workers=("+workers+")", "size=("+size+")", "callers=("+callers+")"),
	}
}

// comparedJobs are those of bench-compare: rows that say much in little time, which the gate judges.
func comparedJobs() []job {
	jobs := framingJobs("40ms")
	for _, where := range placements() {
		jobs = append(jobs, calls(where, "pool", "enhanced", "1", "64B", "1|16"))
	}
	return append(jobs,
		calls(placements()[0], "pool", "enhanced", "1", "10KB|1MB", "1"),
		calls(placements()[0], "pool", "basic", "1", "64B", "1"),
		calls(unpinned, "pool", "enhanced", "2", "64B", "64"))
}
