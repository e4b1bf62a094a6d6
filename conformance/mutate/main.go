// Mutate asks whether the conformance suite notices small changes of the reference and of the bundled worker.
//
// It makes one change at a time, builds the suite with it (the files of the repository stay as they are) and
// runs the cases until the first fails. What survives is listed, unless reviewed.txt says why it may.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

type settings struct {
	target   string
	only     *regexp.Regexp
	budget   time.Duration
	seed     uint64
	from     int
	list     bool
	python   string
	patience time.Duration
	jobs     int
}

func main() {
	var s settings
	var only string
	flag.StringVar(&s.target, "target", "", "what is mutated: "+strings.Join(slices.Sorted(maps.Keys(targets)), ", ")+"; all of them where it is empty")
	flag.StringVar(&only, "only", "", "mutants whose key matches this `regexp` alone")
	flag.DurationVar(&s.budget, "budget", 10*time.Minute, "end after this time, which the targets share, with those that were tried; 0: try all")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of the order in which they are tried")
	flag.IntVar(&s.from, "from", 0, "begin with this one of the order, where an earlier run has ended")
	flag.BoolVar(&s.list, "list", false, "list the mutants and try none")
	flag.StringVar(&s.python, "python", "python3", "the interpreter for the worker")
	flag.DurationVar(&s.patience, "patience", 4*time.Second, "how long the suite waits for what must happen")
	flag.IntVar(&s.jobs, "jobs", runtime.NumCPU(), "mutants tried at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if s.only, err = regexp.Compile(only); err == nil && s.target != "" {
		err = run(ctx, s)
	} else if err == nil {
		s.budget /= time.Duration(len(targets))
		for _, s.target = range slices.Sorted(maps.Keys(targets)) {
			err = errors.Join(err, run(ctx, s))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	t, ok := targets[s.target]
	if !ok {
		return fmt.Errorf("there is no target %q", s.target)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	all, err := t.mutants(root, s.python)
	if err != nil {
		return err
	}
	known, err := readReviewed(filepath.Join(root, "conformance", "mutate", s.target+".txt"))
	if err != nil {
		return err
	}
	if stale := known.stale(all); len(stale) > 0 {
		return fmt.Errorf("%s.txt speaks of what is no mutant any more:\n%s", s.target, strings.Join(stale, "\n"))
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return !s.only.MatchString(m.key()) })
	if s.list {
		for _, m := range all {
			fmt.Printf("%s:%d: %s\n\t%s\n", m.File, m.Line, m.Kind, m.key())
		}
		return nil
	}
	r := &record{may: len(all)}
	all = slices.DeleteFunc(all, func(m mutant) bool { return known.reason(m) != "" })
	r.may -= len(all)
	random := rand.New(rand.NewPCG(s.seed, 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	fmt.Printf("%d mutants of %s, tried in the order of -seed %d from %d\n", len(all), t.dir, s.seed, s.from)
	all = all[min(s.from, len(all)):]
	work, err := os.MkdirTemp("", "pm")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	c := &court{root: root, work: work, target: t, python: s.python, patience: s.patience, limit: 20 * s.patience, parallel: 8}
	if err := c.open(ctx); err != nil {
		return err
	}
	until := ctx
	if s.budget > 0 {
		var cancel context.CancelFunc
		until, cancel = context.WithTimeout(ctx, s.budget)
		defer cancel()
	}
	tried, err := c.tryAll(until, all, s.jobs, r.enter)
	if err != nil {
		return err
	}
	r.print(os.Stdout, s.target)
	if tried < len(all) {
		fmt.Printf("the time was over: -seed %d -from %d goes on from here\n", s.seed, s.from+tried)
	}
	return ctx.Err()
}

// open builds the suite and sees that it passes where nothing is changed.
func (c *court) open(ctx context.Context) error {
	suite := filepath.Join(c.work, "suite")
	if out, err := c.build(ctx, suite); err != nil {
		return fmt.Errorf("the suite does not build: %w\n%s", err, out)
	}
	var err error
	if c.original, err = hashOf(suite); err != nil {
		return err
	}
	o, err := c.runAll(ctx, c.work, program{suite: suite})
	if err == nil && o.verdict != survived {
		err = fmt.Errorf("the suite fails though nothing is changed: %s %s", o.verdict, o.by)
	}
	return err
}

const batchSize = 150

// tryAll tries mutants until the time is over, enters how each ended, and tells how many of the first ones were
// begun.
func (c *court) tryAll(ctx context.Context, all []mutant, jobs int, enter func(mutant, outcome)) (begun int, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	for some := range slices.Chunk(all, batchSize) {
		dir, err := os.MkdirTemp(c.work, "")
		if err != nil {
			return begun, err
		}
		b, err := c.batch(ctx, dir, some)
		if err != nil {
			fail(err)
			break
		}
		next := make(chan mutant)
		var wg sync.WaitGroup
		for range jobs {
			wg.Go(func() {
				for m := range next {
					o, err := c.try(ctx, b, m)
					switch {
					case ctx.Err() != nil: // it was not tried to the end
					case err != nil:
						fail(fmt.Errorf("%s: %w", m.key(), err))
					default:
						enter(m, o)
					}
				}
			})
		}
		for _, m := range some {
			select {
			case next <- m:
				begun++
				continue
			case <-ctx.Done():
			}
			break
		}
		close(next)
		wg.Wait()
		if err := os.RemoveAll(dir); err != nil {
			return begun, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return begun, err
	}
	return begun, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod here or above: call it from the repository")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
