package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// outcome is what fuzzing one target came to.
type outcome struct {
	execs    int64
	verdict  verdict
	input    string // of a finding: the name of the input that makes the target fail
	evidence string // what was said of it
}

type verdict int

const (
	clean    verdict = iota
	noise            // fuzzing ended otherwise than it should, without an input that fails again
	finding          // an input makes the target fail
	notARun          // the target could not be fuzzed
	suspects         // an input made the target fail once: not yet a verdict
)

func (o outcome) status() int {
	switch o.verdict {
	case finding:
		return 1
	case notARun:
		return 2
	}
	return 0
}

func (o outcome) String() string {
	executed := fmt.Sprintf("%9d executions", o.execs)
	switch o.verdict {
	case clean:
		return executed + ", nothing found"
	case noise:
		return executed + ", nothing found that fails again; fuzzing ended with: " + lastLines(o.evidence, 3)
	case finding:
		return fmt.Sprintf("%s, FOUND the input %s, which fails again:\n%s", executed, o.input, indent(o.evidence))
	}
	return "could NOT be fuzzed:\n" + indent(o.evidence)
}

var (
	execsLine = regexp.MustCompile(`(?m)^fuzz: elapsed: .*, execs: (\d+) `)
	inputLine = regexp.MustCompile(`(?m)^\s*Failing input written to testdata/fuzz/\w+/(\S+)`)
	seedLine  = regexp.MustCompile(`(?m)failure while testing seed corpus entry: \w+/(\S+)`)
)

// judge reads what a fuzzing process printed. A failure without an input is noise only if all that is
// said of it is a deadline: at the end of its time, Go's fuzzing at times takes its own for a failure.
func judge(output string, failed bool) outcome {
	o := outcome{evidence: output}
	for _, m := range execsLine.FindAllStringSubmatch(output, -1) {
		o.execs, _ = strconv.ParseInt(m[1], 10, 64) // digits alone
	}
	input := inputLine.FindStringSubmatch(output)
	if input == nil {
		input = seedLine.FindStringSubmatch(output)
	}
	switch {
	case !failed:
		o.verdict = clean
	case input != nil:
		o.verdict, o.input = suspects, input[1]
	case saysNothingBut(output, "context deadline exceeded"):
		o.verdict = noise
	default:
		o.verdict = notARun
	}
	return o
}

// saysNothingBut reports whether a failed process said why, by these words alone.
func saysNothingBut(output, reason string) bool {
	said := false
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		switch {
		case line == reason:
			said = true
		case line == "", line == "FAIL", strings.HasPrefix(line, "fuzz: "), strings.HasPrefix(line, "--- FAIL: Fuzz"),
			strings.HasPrefix(line, "=== RUN "), strings.HasPrefix(line, "exit status "):
		default:
			return false
		}
	}
	return said
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(strings.Fields(strings.Join(lines[max(0, len(lines)-n):], " ")), " ")
}

func indent(text string) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-most):], "\n    ")
}
