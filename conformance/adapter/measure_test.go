package adapter_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func init() {
	for name, took := range map[string]line{
		"measures":                           {"took_ns": 1000},
		"measures and says nothing":          {"ok": true},
		"measures no time":                   {"took_ns": 0},
		"measures more time than passed":     {"took_ns": int64(time.Hour)},
		"measures calls of many, one by one": {"took_ns": 1000, "each_ns": []int{1, 2}},
		"cannot measure this framing":        {"unsupported": "no basic framing"},
	} {
		adapterFaults[name] = func(right answerer) answerer {
			return func(do string, request []byte) line {
				if do == "measure" {
					return copyOf(took)
				}
				return right(do, request)
			}
		}
	}
	adapterFaults["ends while it measures"] = func(right answerer) answerer {
		return func(do string, request []byte) line {
			if do == "measure" {
				panic("in the middle of it")
			}
			return right(do, request)
		}
	}
}

func copyOf(l line) line {
	copied := line{}
	for key, value := range l {
		copied[key] = value
	}
	return copied
}

// measured asks an adapter for a measurement.
func measured(t *testing.T, name string) (time.Duration, error) {
	t.Helper()
	a, err := adapter.Open(t.Context(), spec.RoleFramer, command(t, name), adapter.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() }) // it returns the fault that the test has seen
	f, err := a.MeasuredFramer(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	return f.Measure(t.Context(), "decode", conformance.Basic, 64, 10)
}

func TestWhatAnAdapterMeasuredIsReturned(t *testing.T) {
	took, err := measured(t, "measures")
	require.NoError(t, err)
	require.Equal(t, time.Microsecond, took)
}

func TestWhatCannotHaveBeenMeasuredIsAFault(t *testing.T) {
	for name, problem := range map[string]string{
		"measures and says nothing":          "took_ns, the time that it took, is missing",
		"measures no time":                   "10 frames or calls take some time",
		"measures more time than passed":     "it says 1h0m0s, and the answer was there after",
		"measures calls of many, one by one": "each_ns is for a lone caller",
		"ends while it measures":             "in the middle of it",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := measured(t, name)
			require.ErrorContains(t, err, problem)
		})
	}
}

func TestAnAdapterThatDoesNotMeasureIsToldSo(t *testing.T) {
	a := openAdapter(t, spec.RoleFramer, "framer")
	err := a.Measures(t.Context())
	require.ErrorIs(t, err, conformance.Unsupported)
	require.ErrorContains(t, err, `does not answer "measure"`)
	require.NoError(t, openAdapter(t, spec.RoleFramer, "measures").Measures(t.Context()))

	_, err = measured(t, "cannot measure this framing")
	require.ErrorIs(t, err, conformance.Unsupported)
	require.ErrorContains(t, err, "no basic framing")
}

func TestOnlyFramersAreAskedForFrames(t *testing.T) {
	_, err := openAdapter(t, spec.RolePool, "pool").MeasuredFramer(t.Context())
	require.ErrorIs(t, err, conformance.Unsupported)
}

// The lines of ADAPTERS.md about measure follow the schema, and those that say something else do not.
func TestMeasureIsInTheSchema(t *testing.T) {
	schema := compiledSchema(t)
	for text, right := range map[string]bool{
		`{"tag":7,"do":"measure","what":"encode","framing":"enhanced","size":64,"count":20000}`:      true,
		`{"tag":7,"do":"measure","what":"call","method":"echo","body":"1","count":500,"callers":16}`: true,
		`{"tag":7,"took_ns":4810000}`:                                             true,
		`{"tag":7,"took_ns":4810000,"each_ns":[4810000]}`:                         true,
		`{"tag":7,"took_ns":0}`:                                                   false,
		`{"tag":7,"do":"measure","what":"encode","framing":"enhanced","count":1}`: false,
		`{"tag":7,"do":"measure","what":"call","method":"echo","count":1}`:        false,
		`{"tag":7,"do":"measure","what":"dance","count":1}`:                       false,
	} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, right, schema.Validate(document) == nil, text)
	}
}

// What a pool measures is judged too: each call of a lone caller has its time, and all together no less than their sum.
func TestAPoolThatMeasuresSaysHowLongEachCallTook(t *testing.T) {
	for fault, problem := range map[string]string{
		"":                        "",
		"measures too few":        "each_ns has 2 times of 3 calls of a lone caller",
		"measures more than all":  "the calls took 3ms one after the other, and all together 1ms",
		"measures and fails":      "a call failed while it was measured: worker 1 exited",
		"measures nothing at all": `does not answer "measure"`,
	} {
		t.Run(fmt.Sprintf("%q", fault), func(t *testing.T) {
			a, err := adapter.Open(t.Context(), spec.RolePool, command(t, "pool: "+fault), adapter.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { _ = a.Close() })
			p, err := a.MeasuredPool(t.Context(), conformance.PoolOptions{Program: "true", Argument: "x", SocketDir: t.TempDir(), Framing: conformance.Enhanced, Workers: 1})
			require.NoError(t, err)
			defer func() { require.NoError(t, p.Close()) }()
			took, each, err := p.Measure(t.Context(), 3, 1, "echo", json.RawMessage("1"))
			if problem != "" {
				require.ErrorContains(t, err, problem)
				return
			}
			require.NoError(t, err)
			require.Positive(t, took)
			require.Len(t, each, 3)
		})
	}
}

// measureAnswer is what the pool of the tests answers to measure, by its fault. It takes the time that it says.
func measureAnswer(fault string) line {
	const ms = int64(time.Millisecond)
	began := time.Now()
	for time.Since(began) < 4*time.Millisecond {
	}
	switch fault {
	case "measures too few":
		return line{"took_ns": 3 * ms, "each_ns": []int64{ms, ms}}
	case "measures more than all":
		return line{"took_ns": ms, "each_ns": []int64{ms, ms, ms}}
	case "measures and fails":
		return line{"error": line{"kinds": []string{"worker_died"}, "text": "worker 1 exited"}}
	case "measures nothing at all":
		return line{"refused": "unknown command measure"}
	}
	return line{"took_ns": 3 * ms, "each_ns": []int64{ms, ms, ms}}
}
