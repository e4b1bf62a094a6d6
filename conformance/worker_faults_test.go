package conformance_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

func plantedCommand(t *testing.T, planted ...string) conformance.WorkerCommand {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := conformance.Command(self)
	c.Grace = time.Second
	if slices.Contains(planted, "grace-of-8s") {
		c.Grace = 8 * time.Second
	}
	c.Env = []string{plantedVariable + "=" + strings.Join(planted, ",")}
	return c
}

type workerFault struct {
	fault  string
	breaks string
	only   []string
}

// Each fault is the right worker with one thing wrong. In the cases of the clause beside it, or in those that
// it names, it must break that clause and no other.
var plantedFaults = []workerFault{
	{fault: "keeps-to-enhanced-once-seen", breaks: "STR-7"},
	{fault: "takes-the-first-two-bytes-to-come-together", breaks: "STR-7"},
	{fault: "answers-twice", breaks: "MSG-1"},
	{fault: "leaves-null-out", breaks: "MSG-1"},
	{fault: "maximum-counts-the-header", breaks: "MSG-1", only: []string{"MSG-1/request-of-max-payload-*"}},
	{fault: "turns-envelopes-round", breaks: "MSG-2"},
	{fault: "any-type-makes-an-envelope", breaks: "MSG-3"},
	{fault: "refuses-unknown-fields", breaks: "MSG-4"},
	{fault: "ids-are-doubles", breaks: "MSG-5"},
	{fault: "demands-a-body", breaks: "MSG-6"},
	{fault: "bodies-are-doubles", breaks: "MSG-7"},
	{fault: "false-bodies-become-null", breaks: "MSG-7"},
	{fault: "cuts-text-at-nul", breaks: "MSG-7"},
	{fault: "takes-nan", breaks: "MSG-8"},
	{fault: "sends-infinity", breaks: "MSG-8"},
	{fault: "nests-50-levels", breaks: "MSG-9"},
	{fault: "dies-of-deep-nesting", breaks: "MSG-9"},
	{fault: "takes-any-id", breaks: "MSG-10"},
	{fault: "malformed-json-gets-no-answer", breaks: "MSG-11", only: []string{"MSG-11/malformed-json-*"}},
	{fault: "malformed-json-closes-the-connection", breaks: "MSG-11", only: []string{"MSG-11/malformed-json-*"}},
	{fault: "what-is-no-object-crashes", breaks: "MSG-11", only: []string{"MSG-11/what-is-*"}},
	{fault: "replaces-malformed-utf8", breaks: "MSG-11", only: []string{"MSG-11/malformed-utf8-*"}},
	{fault: "strange-methods-close-the-connection", breaks: "MSG-11", only: []string{"MSG-11/method-*"}},
	{fault: "errors-go-out-under-0", breaks: "MSG-11", only: []string{"MSG-11/what-is-*"}},
	{fault: "unknown-envelopes-get-no-answer", breaks: "MSG-12"},
	{fault: "ids-are-not-compared", breaks: "MSG-13"},
	{fault: "takes-repeated-ids", breaks: "MSG-14"},
	{fault: "answers-under-0", breaks: "RID-8"},
	{fault: "header-of-answers-is-0", breaks: "RID-8"},
	{fault: "ignores-the-path", breaks: "WRK-1"},
	{fault: "keeps-the-stale-socket", breaks: "WRK-2"},
	{fault: "listens-elsewhere-without-a-path", breaks: "WRK-3"},
	{fault: "refuses-with-status-0", breaks: "WRK-3"},
	{fault: "refuses-without-a-word", breaks: "WRK-4"},
	{fault: "takes-the-path-of-a-live-worker", breaks: "WRK-4", only: []string{"WRK-4/path-of-a-live-*"}},
	{fault: "removes-the-live-socket", breaks: "WRK-4", only: []string{"WRK-4/path-of-a-live-*"}},
	{fault: "removes-what-is-no-socket", breaks: "WRK-5"},
	{fault: "leaves-the-mode-to-the-umask", breaks: "WRK-6"},
	{fault: "serves-20-connections", breaks: "WRK-7"},
	{fault: "one-connection-at-a-time", breaks: "WRK-8", only: []string{"WRK-8/half-sent-*"}},
	{fault: "half-sent-frames-block-all", breaks: "WRK-8", only: []string{"WRK-8/half-sent-*"}},
	{fault: "callers-that-do-not-read-block-all", breaks: "WRK-8", only: []string{"WRK-8/caller-*"}},
	{fault: "drops-each-101st-request", breaks: "WRK-9", only: []string{"WRK-9/many-*"}},
	{fault: "unknown-methods-return-null", breaks: "WRK-10"},
	{fault: "unknown-methods-fail-without-a-reason", breaks: "WRK-10"},
	{fault: "hides-the-text-of-exceptions", breaks: "WRK-11"},
	{fault: "unserializable-closes-no-call", breaks: "WRK-12"},
	{fault: "unserializable-becomes-null", breaks: "WRK-12"},
	{fault: "sends-answers-of-any-length", breaks: "WRK-13", only: []string{"WRK-13/answer-over-*"}},
	{fault: "closes-at-too-large-answers", breaks: "WRK-13", only: []string{"WRK-13/answer-over-*"}},
	{fault: "runs-cut-off-frames", breaks: "WRK-14"},
	{fault: "checksum-is-not-compared", breaks: "WRK-14", only: []string{"WRK-15/bad-checksum-*"}},
	{fault: "magic-is-looked-at-once", breaks: "WRK-14", only: []string{"WRK-15/bad-magic-*"}},
	{fault: "drops-frames-with-a-bad-checksum", breaks: "WRK-15", only: []string{"WRK-15/bad-checksum-*"}},
	{fault: "scans-for-the-next-magic", breaks: "WRK-15", only: []string{"WRK-15/bad-magic-*"}},
	{fault: "short-lengths-mean-no-payload", breaks: "WRK-15", only: []string{"WRK-15/length-below-*"}},
	{fault: "no-maximum", breaks: "WRK-15", only: []string{"WRK-15/payload-over-*"}},
	{fault: "keeps-connections-open-after-framing-errors", breaks: "WRK-15", only: []string{"WRK-15/bad-magic-*"}},
	{fault: "crashes-at-framing-errors", breaks: "WRK-16", only: []string{"WRK-15/bad-checksum-*"}},
	{fault: "crashes-at-a-cut-off-header", breaks: "WRK-16", only: []string{"WRK-14/cut-off-header-*"}},
	{fault: "sigterm-is-ignored", breaks: "WRK-17", only: []string{"WRK-17/sigterm-*"}},
	{fault: "sigint-is-not-handled", breaks: "WRK-17", only: []string{"WRK-17/sigint-*"}},
	{fault: "sigterm-leaves-the-socket", breaks: "WRK-17", only: []string{"WRK-17/sigterm-*"}},
	{fault: "sigterm-ends-with-status-1", breaks: "WRK-17", only: []string{"WRK-17/sigterm-*"}},
	{fault: "accepts-after-sigterm,grace-of-8s", breaks: "WRK-17", only: []string{"WRK-17/long-*"}},
	{fault: "waits-for-handlers-for-ever", breaks: "WRK-17", only: []string{"WRK-17/long-*"}},
	{fault: "drops-handlers-at-sigterm,grace-of-8s", breaks: "WRK-18"},
	{fault: "outlives-its-parent", breaks: "WRK-19"},
	{fault: "health-tells-another-process", breaks: "WRK-20"},
	{fault: "health-is-a-string", breaks: "WRK-20"},
	{fault: "blob-is-one-short", breaks: "WRK-21"},
	{fault: "sleep-returns-at-once", breaks: "WRK-21"},
	{fault: "inflight-is-missing", breaks: "WRK-21"},
	{fault: "inflight-is-always-0", breaks: "WRK-21", only: []string{"WRK-21/inflight-*"}},
	{fault: "exit-is-no-exit", breaks: "WRK-21", only: []string{"WRK-21/exit-*"}},
	{fault: "exit-with-another-status", breaks: "WRK-21"},
	{fault: "closes-at-half-close", breaks: "WRK-22"},
	{fault: "sets-aside-a-third-of-what-is-claimed", breaks: "WRK-23"},
	{fault: "reads-on-after-the-handler", breaks: "CAN-5", only: []string{"CAN-5/cancellation-reaches-*"}},
	{fault: "cancellations-are-ignored", breaks: "CAN-5", only: []string{"CAN-5/cancellation-reaches-*"}},
	{fault: "cancels-all-of-the-connection", breaks: "CAN-5", only: []string{"CAN-5/cancellation-leaves-*"}},
	{fault: "cancellations-are-answered", breaks: "CAN-6"},
	{fault: "remembers-cancelled-ids", breaks: "CAN-6"},
	{fault: "cancels-on-any-connection", breaks: "CAN-7"},
	{fault: "lets-the-handlers-of-gone-callers-run", breaks: "CAN-8"},
	{fault: "cancellations-need-a-reason", breaks: "CAN-9"},
}

func TestEachPlantedFaultInAWorkerBreaksItsClause(t *testing.T) {
	faults := plantedNow(plantedFaults)
	for i, rep := range checkPlanted(t, faults) {
		f := faults[i]
		t.Run(f.breaks+"/"+f.fault, func(t *testing.T) {
			var broken []string
			for _, c := range rep.ByClause() {
				if c.Status == conformance.StatusFail || c.Status == conformance.StatusShould {
					broken = append(broken, c.Name)
				}
			}
			require.Equal(t, []string{f.breaks}, broken, told(rep))
		})
	}
}

// checkPlanted runs the suite against the faults. More run at once than there are processors, since many of
// them are found by waiting.
func checkPlanted(t *testing.T, faults []workerFault) []conformance.Report {
	t.Helper()
	reports := make([]conformance.Report, len(faults))
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i, f := range faults {
		only, framings := f.only, []conformance.Framing{conformance.Enhanced}
		if only == nil {
			only = []string{f.breaks}
		}
		if f.breaks == "STR-7" {
			framings = append(framings, conformance.Basic)
		}
		command := plantedCommand(t, strings.Split(f.fault, ",")...)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			reports[i] = conformance.CheckWorker(t.Context(), command, conformance.Only(only...),
				conformance.Framings(framings...), conformance.Patience(5*time.Second), conformance.Parallel(2))
		})
	}
	wg.Wait()
	return reports
}

// Odd, and right all the same: what SPEC.md leaves open, and what other languages and frameworks do.
func TestOddWorkersThatAreRightPass(t *testing.T) {
	variants := map[string][]string{
		"one handler at a time": {"odd: runs-one-handler-at-a-time"},
		"answers in another order and layout": {
			"odd: answers-late-and-in-reverse", "odd: writes-with-layout-and-more-fields",
			"odd: cancelled-requests-get-no-answer", "odd: inflight-leaves-itself-out",
		},
		"bytes one by one, errors before the close": {
			"odd: writes-byte-by-byte", "odd: says-what-is-wrong-before-it-closes",
			"odd: cancelled-requests-succeed", "odd: no-envelopes-in-answers-to-unknown-types", "odd: refuses-more-than-100-levels",
		},
	}
	for name, planted := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustPass(t, plantedCommand(t, planted...))
		})
	}
	t.Run("started by a shell that takes its time and prints", func(t *testing.T) {
		t.Parallel()
		c := plantedCommand(t, "odd: none")
		c.Args = []string{"-c", `echo "starting" >&2; exec "$0"`, c.Path}
		c.Path = "/bin/sh"
		mustPass(t, c, "WRK-*")
	})
}

// mustPass runs the cases that are asked for, all where none is.
func mustPass(t *testing.T, c conformance.WorkerCommand, only ...string) {
	t.Helper()
	rep := conformance.CheckWorker(t.Context(), c, conformance.Patience(30*time.Second), conformance.Only(only...))
	require.Empty(t, told(rep))
	for _, c := range rep.ByClause() {
		if len(only) == 0 || c.Cases > 0 {
			require.Equal(t, conformance.StatusPass, c.Status, "%s\n%s", c.Name, rep.Summary())
		}
	}
}

// told is what the report says of every case that is not green.
func told(rep conformance.Report) string {
	var b strings.Builder
	for _, r := range rep.Results {
		if r.Status != conformance.StatusPass {
			b.WriteString(r.Text() + "\n")
		}
	}
	return b.String() + strings.Join(rep.NotRun, "\n")
}
