package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// checks are the clauses whose work a fast worker might leave out: those of the IDs, and those of frames
// that are not to be trusted, among them one with a wrong checksum.
var checks = []string{"RID-*", "MSG-5", "MSG-13", "MSG-14", "WRK-14", "WRK-15"}

// failedClauses tells those that the worker does not keep, or "" where it keeps all.
func failedClauses(ctx context.Context, command []string) (string, error) {
	_, _ = fmt.Fprintf(os.Stderr, "checking %s: %s\n", strings.Join(command, " "), strings.Join(checks, ", "))
	report := conformance.CheckWorker(ctx, conformance.Command(command[0], command[1:]...), conformance.Only(checks...))
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	var failed []string
	add := func(clause string) {
		if !slices.Contains(failed, clause) {
			failed = append(failed, clause)
		}
	}
	passed := 0
	for _, r := range report.Results {
		switch r.Status {
		case result.StatusPass:
			passed++
		case result.StatusFail, result.StatusBlocked:
			_, _ = fmt.Fprintln(os.Stderr, r.Text())
			for _, f := range r.Findings {
				add(f.Clause)
			}
			if len(r.Findings) == 0 {
				add(r.Clauses[0])
			}
		}
	}
	if passed == 0 && len(failed) == 0 {
		return "", fmt.Errorf("no check could be made of %s: %s", strings.Join(command, " "), strings.Join(report.NotRun, "; "))
	}
	return strings.Join(failed, ", "), nil
}
