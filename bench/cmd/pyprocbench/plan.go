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

// calls are rows of BenchmarkCalls. side, framing, workers, size and callers are regular expressions.
func calls(where placement, side, framing, workers, size, callers string) job {
	return job{
		what: "calls " + strings.Join([]string{side, framing, size}, " "), binary: "bench", placement: where,
		benchtime: "100ms", guess: time.Duration(1+strings.Count(workers+callers, "|")) * 500 * time.Millisecond,
		pattern: rows("Calls", "side=("+side+")", "framing=("+framing+")", "workers=("+workers+")", "size=("+size+")", "callers=("+callers+")"),
	}
}

// rival is calls of the module of rivals.
func rival(where placement, size, callers string) job {
	j := calls(where, ".*", "own", "1", size, callers)
	j.what, j.binary = "rivals "+size, "rivals"
	j.guess = 8 * time.Second
	return j
}

// steps are all rows of BenchmarkSteps.
func steps(where placement) job {
	return job{
		what: "steps from the loop to the pool", binary: "bench", pattern: "^BenchmarkSteps$", placement: where,
		benchtime: "100ms", guess: 3 * time.Second,
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

// processJobs start and kill processes, which is slow, so each row is run once a round.
func processJobs(sides string) []job {
	var jobs []job
	for _, where := range placements() {
		jobs = append(jobs, job{
			what: "start, recovery, idle", binary: "bench", placement: where, benchtime: "1x", guess: 4 * time.Second,
			pattern: "^Benchmark(Start|Recovery|Idle)$/^side=(" + sides + ")$",
		})
	}
	return jobs
}

// quickJobs are enough for every goal and every chart, in some minutes.
func quickJobs(sides string) []job {
	jobs := framingJobs("30ms")
	for _, where := range placements() {
		jobs = append(jobs,
			calls(where, "loop", "enhanced", "1", ".*", "1"),
			calls(where, sides, "enhanced", "1", "64B", ".*"),
			calls(where, sides, "enhanced", "1", "1KB|10KB|1MB", "1|16"),
			calls(where, sides, "enhanced", "2|4", "64B", "64"),
			calls(where, sides, "basic", "1", "64B", "1|16"),
			steps(where),
			rival(where, "64B", "1|16"),
			rival(where, "10KB", "1"),
		)
	}
	return append(jobs, processJobs(sides)...)
}

// fullJobs are all rows there are.
func fullJobs(sides string) []job {
	jobs := framingJobs("100ms")
	for _, where := range placements() {
		jobs = append(jobs, calls(where, "loop", "enhanced", "1", ".*", "1"), steps(where))
		for _, framing := range []string{"enhanced", "basic"} {
			for _, size := range []string{"64B", "1KB", "10KB", "1MB"} {
				j := calls(where, sides, framing, ".*", size, ".*")
				j.guess = 6 * time.Second
				jobs = append(jobs, j)
			}
		}
		for _, size := range []string{"64B", "1KB", "10KB", "1MB"} {
			jobs = append(jobs, rival(where, size, ".*"))
		}
	}
	return append(jobs, processJobs(sides)...)
}
