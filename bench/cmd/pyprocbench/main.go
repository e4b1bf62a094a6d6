// Command pyprocbench runs the benchmarks of this repository, compares versions of it, and shows what
// was measured. make bench, make bench-full and make bench-compare are how it is called.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: pyprocbench COMMAND [FLAGS]

  run                  measure the work tree against its floors and rivals, and show it
  compare -base REF    measure REF and the work tree turn by turn, and judge
  prove                compare the work tree with itself and with planted faults: is that to be trusted?
  judge BASE HEAD      judge two files of results
  report RESULTS       show a file of results
  baseline -name NAME  keep the ratios of the last run as bench/baselines/NAME.txt

Each has -h`

func main() {
	// A second interrupt ends the process at once, for the first gives the signals back.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := command(ctx, os.Args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	_, _ = fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func command(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, []string) error{
		"run": run, "compare": compare, "prove": prove, "judge": judge, "report": reportOf, "baseline": baseline,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New(usage)
	}
	return commands[args[0]](ctx, args[1:])
}
