// Command run fuzzes every target of the module in turn, all within one budget:
//
//	go run ./fuzz/run -budget 5m [-execs 10000000] [-targets REGEXP] [-v] [packages]
//
// Its exit status is 1 if some input makes a target fail, and does so again when it is run alone; that
// input is in testdata/fuzz of the target's package then. 2 says that a target could not be run. What
// else Go's fuzzing ends with, such as a deadline that came at a bad moment, is told and is no failure.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

func main() {
	o := options{replay: 30 * time.Second, out: os.Stdout}
	flag.DurationVar(&o.budget, "budget", 5*time.Minute, "time to fuzz, for all targets together")
	flag.Int64Var(&o.execs, "execs", 0, "executions after which a target is done before its time; 0: any number")
	flag.IntVar(&o.parallel, "parallel", runtime.GOMAXPROCS(0), "processes that fuzz at once")
	flag.BoolVar(&o.verbose, "v", false, "pass on what go's fuzzing says")
	only := flag.String("targets", "", "fuzz only the targets whose names match this `regexp`")
	flag.Parse()
	o.packages = flag.Args()

	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintf(os.Stderr, "fuzz: -targets: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := run(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "fuzz: %v\n", err)
	}
	stop()
	os.Exit(status)
}

type options struct {
	dir      string // of the module; "" is the working directory
	packages []string
	budget   time.Duration
	execs    int64
	parallel int
	replay   time.Duration // for an input alone; more than Go's own limit of 10 s
	only     *regexp.Regexp
	verbose  bool
	out      io.Writer
}

// run fuzzes the targets and returns the exit status.
func run(ctx context.Context, o options) (int, error) {
	targets, err := find(ctx, o)
	if err != nil {
		return 2, err
	}
	if len(targets) == 0 {
		return 2, fmt.Errorf("there is no fuzz target that matches %q", o.only)
	}
	bin, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return 2, err
	}
	defer os.RemoveAll(bin)
	if err := build(ctx, o, targets, bin); err != nil {
		return 2, err
	}
	end := time.Now().Add(o.budget)
	status := 0
	for i, t := range targets {
		share := time.Until(end) / time.Duration(len(targets)-i)
		r := t.fuzz(ctx, o, max(share, minimum))
		fmt.Fprintf(o.out, "%-52s %s\n", t, r)
		status = max(status, r.status())
		if ctx.Err() != nil {
			return status, fmt.Errorf("stopped after %d of %d targets: %w", i+1, len(targets), context.Cause(ctx))
		}
	}
	return status, nil
}

// minimum is what a target gets even where others have used up the budget: less would be no run at all.
const minimum = time.Second
