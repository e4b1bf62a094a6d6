package adapter_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// adapterFaults are adapters that do not do their part, around a right framer.
var adapterFaults = map[string]func(right answerer) answerer{
	"ends at once": func(answerer) answerer { os.Exit(3); return nil },
	"ends with words": func(answerer) answerer {
		fmt.Fprint(os.Stderr, "one line\nno module named crc32c\n")
		os.Exit(1)
		return nil
	},
	"hangs at hello": func(answerer) answerer { hang(); return nil },
	"prints garbage": func(right answerer) answerer { fmt.Println("Welcome to framer 1.0!"); return right },
	"floods": func(answerer) answerer {
		for {
			fmt.Println(`{"tag":1,"role":"framer","name":"flood"}`)
		}
	},
	"floods without a line feed": func(answerer) answerer {
		for {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte("x"), 1<<16))
		}
	},
	"floods standard error": func(right answerer) answerer {
		go func() {
			for {
				_, _ = os.Stderr.Write(bytes.Repeat([]byte("noise\n"), 1<<10))
			}
		}()
		return right
	},
	"noise on standard error": func(right answerer) answerer {
		fmt.Fprintln(os.Stderr, "deprecated: something")
		return right
	},
	"stands for pools": func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do == "hello" {
				return line{"role": "pool", "name": "a pool"}
			}
			return right(do, request)
		}
	},
	"wrong tag": func(right answerer) answerer {
		return func(do string, request []byte) line {
			got := right(do, request)
			if do == "decode" {
				got["tag"] = 4711
			}
			return got
		}
	},
	"answers unknown commands": func(right answerer) answerer {
		return func(do string, request []byte) line {
			got := right(do, request)
			if got["refused"] != nil {
				return line{"reads": []line{{"kind": "eof"}}}
			}
			return got
		}
	},
	"offers no concurrent writers": func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do == "encode" && bytes.Contains(request, []byte(`"writers":`)) {
				return line{"unsupported": "one writer at a time"}
			}
			return right(do, request)
		}
	},
	"fails at concurrent writers": func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do == "encode" && bytes.Contains(request, []byte(`"writers":`)) {
				return line{"failed": "no threads to be had"}
			}
			return right(do, request)
		}
	},
	"ends after 50 requests":           after(50, func() { fmt.Fprintln(os.Stderr, "tired"); os.Exit(3) }),
	"hangs after 50 requests":          after(50, hang),
	"prints garbage after 50 requests": after(50, func() { fmt.Println("50 done") }),
	"knows hello alone": func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do != "hello" {
				return line{"refused": "unknown command " + do}
			}
			return right(do, request)
		}
	},
	"fails at decode": func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do == "decode" {
				return line{"failed": "no CRC32C\nto be had"}
			}
			return right(do, request)
		}
	},
	"answers without an end":           reads([]line{{"kind": "frame", "id": "1", "payload": ""}}),
	"answers with a kind of its own":   reads([]line{{"kind": "bad_checksum"}}),
	"answers that it waits at the end": reads([]line{{"kind": "waiting"}}),
}

// after has an adapter do something beside its work, once it has answered so many requests.
func after(n int, do func()) func(answerer) answerer {
	return func(right answerer) answerer {
		return func(command string, request []byte) line {
			if n--; n == 0 {
				do()
			}
			return right(command, request)
		}
	}
}

// reads is an adapter that always reads the same.
func reads(same []line) func(answerer) answerer {
	return func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do == "decode" {
				return line{"reads": same}
			}
			return right(do, request)
		}
	}
}

func TestProgramThatIsNoAdapterIsToldInOneLine(t *testing.T) {
	for name, want := range map[string]string{
		"ends at once":                     "ended without an answer to hello: exit status 3",
		"ends with words":                  "ended without an answer to hello: exit status 1; the last line of its standard error: no module named crc32c",
		"hangs at hello":                   "has not answered hello within 1s",
		"prints garbage":                   "printed something that is not an answer: `Welcome to framer 1.0!`",
		"floods":                           "answered tag 1, for which no request waits",
		"floods without a line feed":       "printed a line of more than 64 MB, which begins with `xxxx",
		"stands for pools":                 "is not one for a framer: it answered hello with `{\"name\":\"a pool\"",
		"wrong tag":                        "answered tag 4711, for which no request waits",
		"knows hello alone":                "refused decode: unknown command decode",
		"fails at decode":                  "failed at decode: no CRC32C to be had",
		"answers unknown commands":         "answered a command that does not exist with",
		"answers without an end":           "the last read must be one that gives no frame",
		"answers with a kind of its own":   `"bad_checksum" is not a kind that a read can give`,
		"answers that it waits at the end": "a framer does not wait for ever if the stream has an end",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := time.Minute
			if name == "hangs at hello" {
				timeout = time.Second
			}
			_, err := adapter.Open(t.Context(), spec.RoleFramer, command(t, name), adapter.Options{Timeout: timeout})
			var fault *adapter.Fault
			require.ErrorAs(t, err, &fault)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
			t.Log(err)
			noneLeft(t)
		})
	}
}

func TestCommandThatCannotBeStartedIsToldInOneLine(t *testing.T) {
	_, err := adapter.Open(t.Context(), spec.RolePool, conformance.Command("no-such-program-anywhere"), adapter.Options{})
	require.ErrorContains(t, err, "the adapter `no-such-program-anywhere` cannot be started")
	require.ErrorIs(t, err, exec.ErrNotFound)
}

// What goes wrong in the middle of a run is told once, and ends it.
func TestAdapterThatFailsInTheMiddleEndsTheRun(t *testing.T) {
	for name, want := range map[string]string{
		"ends after 50 requests":           "ended 3 times during a request that another process of it then answered (the last time: exit status 3); the last line of its standard error: tired",
		"hangs after 50 requests":          "ended 3 times during a request that another process of it then answered (the last time: killed, because no answer came)",
		"prints garbage after 50 requests": "printed something that is not an answer: `50 done`",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openAdapter(t, spec.RoleFramer, name)
			rep := conformance.CheckFramer(a.Context(), a.Framer(), conformance.Patience(4*time.Second))
			require.ErrorContains(t, a.Err(), want)
			require.True(t, rep.Interrupted)
			require.Contains(t, rep.NotRun[0], a.Err().Error())
			require.Less(t, len(rep.Results), 100)
			for _, r := range rep.Results {
				require.Empty(t, r.Findings, "nothing is known against the framer")
			}
		})
	}
}

func TestWhatAnAdapterDoesNotOfferIsNoPass(t *testing.T) {
	for name, want := range map[string]result.Result{
		"offers no concurrent writers": {Status: result.StatusUnsupported, Reason: "one writer at a time"},
		"fails at concurrent writers":  {Status: result.StatusBlocked, Reason: "unreachable: the adapter says that it failed at encode: no threads to be had"},
	} {
		t.Run(name, func(t *testing.T) {
			rep := checkFramer(t, name, conformance.Only("STR-5"))
			require.Len(t, rep.Results, 4)
			for _, r := range rep.Results {
				require.Equal(t, want.Status, r.Status)
				require.Equal(t, want.Reason, r.Reason)
			}
		})
	}
}

func TestNoiseOnStandardErrorIsNoFailureAndIsShown(t *testing.T) {
	for name, want := range map[string]string{"noise on standard error": "deprecated: something", "floods standard error": "noise\nnoise\n"} {
		t.Run(name, func(t *testing.T) {
			a := openAdapter(t, spec.RoleFramer, name)
			rep := conformance.CheckFramer(a.Context(), a.Framer(), conformance.Only("CRC-1"))
			for _, r := range rep.Results {
				require.Equal(t, result.StatusPass, r.Status, r.Text())
			}
			require.Contains(t, a.Stderr(), want)
			require.Less(t, len(a.Stderr()), 10_000)
		})
	}
}

func TestEndedRunLeavesNoProcess(t *testing.T) {
	for role, name := range map[spec.Role]string{spec.RoleFramer: "framer", spec.RolePool: "pool"} {
		t.Run(string(role), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			a, err := adapter.Open(ctx, role, command(t, name), adapter.Options{})
			require.NoError(t, err)
			n := 0
			stop := conformance.OnResult(func(result.Result) {
				if n++; n == 3 {
					cancel()
				}
			})
			var rep conformance.Report
			if role == spec.RoleFramer {
				rep = conformance.CheckFramer(a.Context(), a.Framer(), stop)
			} else {
				rep = conformance.CheckPool(a.Context(), a.Pool(), stop)
			}
			require.True(t, rep.Interrupted)
			require.NoError(t, a.Close())
			noneLeft(t)
		})
	}
}

func TestEndedContextEndsTheProbe(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := adapter.Open(ctx, spec.RoleFramer, command(t, "hangs at hello"), adapter.Options{Timeout: time.Minute})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	noneLeft(t)
}

func TestAdapterForAWorkerIsRefused(t *testing.T) {
	_, err := adapter.Open(t.Context(), spec.RoleWorker, command(t, "framer"), adapter.Options{})
	require.ErrorContains(t, err, "a worker is tested over its socket")
}

// noneLeft demands that no process of the test is there any more.
func noneLeft(t *testing.T) {
	t.Helper()
	out, err := exec.Command("ps", "axeww", "-o", "pid=,command=").Output()
	require.NoError(t, err)
	for l := range strings.Lines(string(out)) {
		require.NotContains(t, l, mark(t))
	}
}
