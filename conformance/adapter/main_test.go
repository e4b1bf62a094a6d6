package adapter_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is an adapter where this variable names one: a reference, or one with a fault.
const adapterVariable = "PYPROCTEST_TEST_ADAPTER"

func TestMain(m *testing.M) {
	if name := os.Getenv(adapterVariable); name != "" {
		os.Exit(beAdapter(name))
	}
	goleak.VerifyTestMain(m)
}

// line is any line of the protocol, as an adapter sees it.
type line map[string]any

// answers serves requests one after another until there are no more.
func answers(answer func(do string, request []byte) line) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := bufio.NewWriter(os.Stdout)
	for {
		request, err := in.ReadBytes('\n')
		if err != nil {
			return 0
		}
		var head struct {
			Tag int64  `json:"tag"`
			Do  string `json:"do"`
		}
		if err := json.Unmarshal(request, &head); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		got := answer(head.Do, request)
		got["tag"] = head.Tag
		if err := json.NewEncoder(out).Encode(got); err != nil {
			return 1
		}
		if err := out.Flush(); err != nil {
			return 1
		}
	}
}
