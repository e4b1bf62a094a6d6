package adapter_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/conformance"
)

// The test binary is an adapter where this variable names one: a reference, or one with a fault.
const adapterVariable = "PYPROCTEST_TEST_ADAPTER"

func TestMain(m *testing.M) {
	if name := os.Getenv(adapterVariable); name != "" {
		os.Exit(beAdapter(name))
	}
	goleak.VerifyTestMain(m)
}

// command starts the test binary as an adapter of that name.
func command(t *testing.T, name string) conformance.WorkerCommand {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	c := conformance.Command(program)
	c.Env = []string{adapterVariable + "=" + name, mark(t)}
	return c
}

// mark is what the environment of a test's processes has, and that of no other process.
func mark(t *testing.T) string {
	return fmt.Sprintf("PYPROCTEST_TEST_MARK=%s,%d,", t.Name(), os.Getpid())
}

// beAdapter is the main function of the test binary as an adapter.
func beAdapter(name string) int {
	role, fault, _ := strings.Cut(name, ": ")
	switch {
	case role == "pool":
		return servePool(fault)
	case role == "framer" && strings.HasPrefix(fault, "splits writes, "):
		splitsWrites = true
		return serve(framerAdapter(framerFaults[strings.TrimPrefix(fault, "splits writes, ")]))
	case role == "framer" && framerFaults[fault] != nil:
		return serve(framerAdapter(framerFaults[fault]))
	case role == "framer" && fault == "cuts at random":
		return serve(framerAdapter(framerThatCutsAtRandom))
	case role == "framer":
		return serve(framerAdapter(referenceFramer))
	case adapterFaults[name] != nil:
		return serve(adapterFaults[name](framerAdapter(referenceFramer)))
	}
	fmt.Fprintln(os.Stderr, "no adapter has the name", name)
	return 1
}

// line is any line of the protocol, as an adapter sees it.
type line map[string]any

// An answerer makes the answer to a request.
type answerer func(do string, request []byte) line

// serve answers requests one after another until there are no more.
func serve(answer answerer) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := json.NewEncoder(os.Stdout)
	for {
		request, err := in.ReadBytes('\n')
		if err != nil {
			return 0
		}
		var head struct {
			Tag int64
			Do  string
		}
		if err := json.Unmarshal(request, &head); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		got := answer(head.Do, request)
		if _, told := got["tag"]; !told {
			got["tag"] = head.Tag
		}
		if err := out.Encode(got); err != nil {
			return 1
		}
	}
}
