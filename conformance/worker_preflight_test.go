package conformance_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// A worker that cannot be run at all gets one clear error, whatever it is that is missing.
func TestWorkerThatCannotBeRunGetsOneError(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "worker")
	require.NoError(t, os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o644))
	for name, c := range map[string]struct {
		command conformance.WorkerCommand
		id      string
		status  result.Status
		says    []string
	}{
		"missing": {
			conformance.Command("no-such-program-here"), starts, result.StatusBlocked,
			[]string{"cannot be started", "not found", "absolute path"},
		},
		"missing file": {
			conformance.Command("/nowhere/worker"), starts, result.StatusBlocked,
			[]string{"cannot be started", "/nowhere/worker", "no such file"},
		},
		"not executable": {
			conformance.Command(notExecutable), starts, result.StatusBlocked,
			[]string{"cannot be started", "permission denied", "an interpreter and its script"},
		},
		"dies at start": {
			conformance.Command("/bin/sh", "-c", "echo 'no module named numpy' >&2; exit 3"), starts, result.StatusBlocked,
			[]string{"ended before it accepted connections", "exit status 3", "no module named numpy"},
		},
		"never listens": {
			conformance.Command("/bin/sh", "-c", "echo busy >&2; exec sleep 100"), starts, result.StatusBlocked,
			[]string{"PYPROC_SOCKET_PATH", "accepted no connection", "--patience", "busy", "exec sleep 100", "(sleep 100) sleeps"},
		},
		"listens elsewhere": {
			plantedCommand("ignores-the-path"), starts, result.StatusFail,
			[]string{"listens at /", "w.sockx", "and not at"},
		},
		"speaks neither framing": {
			plantedCommand("basic-only", "enhanced-only"), "STR-7/framing-is-told-by-the-first-two-bytes", result.StatusFail,
			[]string{"in the enhanced framing", "in the basic framing", "closed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep := conformance.CheckWorker(t.Context(), c.command, conformance.Patience(2*time.Second))
			require.Len(t, rep.Results, 1, told(rep))
			require.Equal(t, c.id, rep.Results[0].ID)
			require.Equal(t, c.status, rep.Results[0].Status)
			for _, says := range c.says {
				require.Contains(t, rep.Results[0].Text(), says)
			}
			require.Len(t, rep.NotRun, 1)
			require.Contains(t, rep.NotRun[0], "no case was run")
		})
	}
}

// A worker without the methods for conformance runs is judged by what the wire alone shows, and told which are missing.
func TestWorkerWithoutTheMethodsIsJudgedByWhatTheWireShows(t *testing.T) {
	rep := conformance.CheckWorker(t.Context(), plantedCommand("inflight-is-missing"), conformance.Patience(5*time.Second))
	statuses := map[string]result.Status{}
	for _, r := range rep.Results {
		statuses[r.ID] = r.Status
	}
	require.Equal(t, map[string]result.Status{
		starts: result.StatusPass, "WRK-20/health-tells-the-process/enhanced": result.StatusPass, "WRK-20/health-tells-the-process/basic": result.StatusPass,
		"WRK-21/conformance-methods-do-what-they-say": result.StatusFail,
	}, statuses, told(rep))
	require.Contains(t, told(rep), "Expose these in the worker")
	require.Len(t, rep.NotRun, 1)
	require.Contains(t, rep.NotRun[0], "inflight")
	require.NotEmpty(t, rep.SetUp)
}

// A worker that sends what nobody asked for, or closes after one request, is told so, and what can be run is run.
func TestWorkerThatServesStrangelyIsToldSoAndRun(t *testing.T) {
	for fault, want := range map[string]struct{ id, says string }{
		"greets-its-callers":       {"MSG-1/each-request-gets-one-answer", `1 frame that no request asked for; the first is {"id":0,"ok":true,"body":"welcome"}`},
		"closes-after-one-request": {"WRK-9/requests-behind-a-long-one-are-answered", "the worker closes its connections after one request"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			rep := conformance.CheckWorker(t.Context(), plantedCommand(fault), conformance.Patience(3*time.Second),
				conformance.Framings(conformance.Enhanced), conformance.Only("MSG-6", "WRK-1", "WRK-6", "WRK-17/sigterm-*"))
			texts := map[string]string{}
			for _, r := range rep.Results {
				texts[r.ID] = r.Text()
			}
			require.Contains(t, texts[want.id], want.says, told(rep))
			require.NotContains(t, told(rep), "WRK-21")
			require.Contains(t, texts, "MSG-6/absent-body-is-null/enhanced")
			require.Contains(t, texts, starts)
			require.Empty(t, rep.SetUp)
		})
	}
}

// What can be told of a worker of one connection at a time by connections one after the other is told.
func TestWorkerOfOneConnectionAtATimeIsJudgedWhereThatCanTell(t *testing.T) {
	rep := conformance.CheckWorker(t.Context(), plantedCommand("one-connection-at-a-time"), conformance.Patience(8*time.Second), conformance.Parallel(8),
		conformance.Framings(conformance.Enhanced), conformance.Only("WRK-14", "WRK-15", "WRK-20", "WRK-21", "WRK-23", "WRK-25", "WRK-26", "CAN-5", "CAN-9"))
	require.NotEmpty(t, rep.Results)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusPass, r.Status, r.Text())
	}
}

const starts = "WRK-1/listens-at-its-path-and-serves-the-first-connection"

// With one framing only, the other is one failure, and the cases of the first run.
func TestWorkerOfOneFramingFailsSTR7AndNothingElse(t *testing.T) {
	for framing, fault := range map[conformance.Framing]string{conformance.Basic: "basic-only", conformance.Enhanced: "enhanced-only"} {
		t.Run(string(framing), func(t *testing.T) {
			t.Parallel()
			rep := conformance.CheckWorker(t.Context(), plantedCommand(fault), conformance.Patience(5*time.Second),
				conformance.Only("STR-7", "MSG-1", "WRK-20"))
			var failed []string
			for _, r := range rep.Results {
				if r.Status != result.StatusPass {
					failed = append(failed, r.ID)
				}
			}
			require.Equal(t, []string{"STR-7/framing-is-told-by-the-first-two-bytes"}, failed)
			require.Len(t, rep.Results, 8, "the cases of the framing that it speaks")
			require.Len(t, rep.NotRun, 1)
			require.Contains(t, rep.NotRun[0], "use --framing "+string(framing)+" to validate")
		})
	}
}

func TestWorkerOfOneFramingPassesWhereOnlyThatIsAskedFor(t *testing.T) {
	rep := conformance.CheckWorker(t.Context(), plantedCommand("basic-only"),
		conformance.Framings(conformance.Basic), conformance.Only("MSG-1", "WRK-8", "WRK-17/sigterm-*"))
	require.Equal(t, "the enhanced framing: it was not asked for, and telling it from the other [STR-7] neither\n", told(rep)+"\n")
	require.NotEmpty(t, rep.Results)
}
