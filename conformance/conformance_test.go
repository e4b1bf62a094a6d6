package conformance_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/report"
)

var (
	workerFlag   = flag.String("worker", "", "run the worker cases against the worker that this command starts, and nothing else")
	framingFlag  = flag.String("framing", "both", "the framings to validate: basic, enhanced or both")
	patienceFlag = flag.Duration("patience", 0, "how long to wait for what must happen (default 10s)")
	graceFlag    = flag.Duration("grace", 0, "how long the worker of -worker may take to end after SIGTERM, as it is set (default 5s)")
	strictFlag   = flag.Bool("strict", false, "a SHOULD that does not hold fails the run")
	summaryFlag  = flag.String("summary", "", "write the summary by clause to this file (- for standard output), or the JSON report if its name ends in .json")
)

// reports collects what the main runs found, for the summary.
var reports struct {
	sync.Mutex
	all []conformance.Report
}

func TestMain(m *testing.M) {
	flag.Parse()
	if order, ok := os.LookupEnv(judgementVariable); ok {
		if err := carryOutHere(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(0)
	}
	if *workerFlag != "" && flag.Lookup("test.run").Value.String() == "" {
		if err := flag.Set("test.run", "^TestWorker$"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	before := holdsNow()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if left := leftBehind(before); len(left) > 0 {
			fmt.Fprintf(os.Stderr, "the tests have left behind: %s\n", strings.Join(left, ", "))
			status = cmp.Or(status, 1)
		}
		if err := writeSummary(*summaryFlag); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = cmp.Or(status, 1)
		}
		os.Exit(status)
	}))
}

func TestWorker(t *testing.T) {
	if *workerFlag == "" {
		conformance.TestWorker(t, bundledWorker(t), runOptions(t, "pyworker/conformance_worker.py")...)
		return
	}
	command, err := commandLine(*workerFlag)
	if err != nil {
		t.Fatal(err)
	}
	command.Grace = *graceFlag
	conformance.TestWorker(t, command, runOptions(t, *workerFlag)...)
}

func TestFramer(t *testing.T) {
	conformance.TestFramer(t, referenceFramer, runOptions(t, "ref/frame")...)
}

func TestPool(t *testing.T) {
	conformance.TestPool(t, referencePool, runOptions(t, "ref/pool")...)
}

// runOptions are those that the command line asks for.
func runOptions(t *testing.T, subject string) []conformance.Option {
	t.Helper()
	opts := []conformance.Option{
		conformance.Subject(subject),
		conformance.OnReport(func(r conformance.Report) {
			reports.Lock()
			defer reports.Unlock()
			reports.all = append(reports.all, r)
		}),
	}
	switch *framingFlag {
	case "both":
	case "basic", "enhanced":
		opts = append(opts, conformance.Framings(conformance.Framing(*framingFlag)))
	default:
		t.Fatalf("-framing %s: give basic, enhanced or both", *framingFlag)
	}
	if *patienceFlag > 0 {
		opts = append(opts, conformance.Patience(*patienceFlag))
	}
	if *strictFlag {
		opts = append(opts, conformance.StrictShould())
	}
	return opts
}

func writeSummary(path string) error {
	if path == "" {
		return nil
	}
	reports.Lock()
	defer reports.Unlock()
	slices.SortFunc(reports.all, func(a, b conformance.Report) int { return strings.Compare(string(a.Role), string(b.Role)) })
	var runs []report.Run
	for _, r := range reports.all {
		runs = append(runs, report.Run{Report: r, Strict: *strictFlag, Environment: report.Here()})
	}
	var b strings.Builder
	write := report.Summary
	if strings.HasSuffix(path, ".json") {
		write = report.JSON
	}
	if err := write(&b, runs...); err != nil {
		return err
	}
	if path == "-" {
		_, err := fmt.Print(b.String())
		return err
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("the summary could not be written: %w", err)
	}
	return nil
}
