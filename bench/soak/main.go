// Command soak calls workers of the reference pool under trouble for minutes or hours, starts and stops pools
// beside that, and says what went wrong, what is left at the end, and what drifted. make soak is how it is
// called; bench/README.md describes it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	if os.Getenv(workerVariable) != "" {
		if err := serveWorker(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "soak worker:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	err := command(ctx, os.Args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	if !errors.Is(err, errWrong) && !errors.Is(err, errNotEnough) && !errors.Is(err, errInterrupted) {
		_, _ = fmt.Fprintln(os.Stderr, "soak:", err) // those three are the verdict, which was printed
	}
	os.Exit(1)
}

// Under these a run says nothing: what happens once in that many would hardly have been seen.
const (
	enoughCalls  = 100_000
	enoughCycles = 200
)

func command(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	duration := flags.Duration("for", 2*time.Minute, "how long all parts take together")
	seed := flags.Uint64("seed", 0, "the seed of what is called and what is done to workers; 0 takes one and prints it")
	tree := flags.String("tree", ".", "the work tree, for the bundled Python worker")
	python := flags.String("python", "python3", "the interpreter of the Python worker")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there are no arguments but flags, and %q is none", flags.Arg(0))
	}
	if runtime.GOOS != "linux" {
		return errors.New("the soak runs on Linux alone: what is left of processes is read from /proc")
	}
	if *duration < time.Second {
		return fmt.Errorf("-for %v is too short: each of its parts takes a share of it; give 1s or more", *duration)
	}
	for *seed == 0 {
		*seed = rand.Uint64() >> 32 // short enough to be typed
	}
	library, err := filepath.Abs(filepath.Join(*tree, "pyworker", "src"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(library); err != nil {
		return fmt.Errorf("the Python worker is not in the work tree, give -tree: %w", err)
	}
	r, err := soak(ctx, settings{
		duration: *duration, seed: *seed, python: []string{*python}, library: library,
		kinds: everyKind, open: openPool, enoughCalls: enoughCalls, enoughCycles: enoughCycles, progress: os.Stderr,
	})
	if err != nil {
		return err
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	return r.verdict()
}
