package results

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// Error says what is wrong with a line of a file of results.
type Error struct {
	File    string
	Line    int
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem) }

// ErrorAt is an error about the line of a result.
func ErrorAt(r *benchfmt.Result, problem string) error {
	file, line := r.Pos()
	return &Error{file, line, problem}
}

// largest is far above all that can be measured, and so small that the mean of two values is finite.
const largest = 1e300

// wrongValues is what cannot have been measured in one result.
func wrongValues(r *benchfmt.Result) error {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, ErrorAt(r, fmt.Sprintf(format, args...)))
	}
	if r.Iters < 1 {
		wrong("%s ran %d times: a result is of one run at least", r.Name, r.Iters)
	}
	units := map[string]bool{}
	for _, v := range r.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			value, unit = v.OrigValue, v.OrigUnit
		}
		switch {
		case math.IsNaN(v.Value), math.Abs(v.Value) > largest:
			wrong("%s of %s is %v, which is no measurement: measure the row again", unit, r.Name, value)
		case v.Value < 0:
			wrong("%s of %s is %v, and nothing measured is below 0: measure the row again", unit, r.Name, value)
		case v.Value == 0 && strings.HasPrefix(v.Unit, "x-"):
			wrong("%s of %s is 0, so it would have taken no time at all: measure the row again", unit, r.Name)
		}
		if units[v.Unit] {
			wrong("%s of %s is there twice in one line: one line is one run", unit, r.Name)
		}
		units[v.Unit] = true
	}
	return errors.Join(problems...)
}
