package explore_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/explore/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/explore/pool"
	"github.com/pyproctest/pyproctest/conformance/internal/explore/worker"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

var both = []spec.Framing{spec.Enhanced, spec.Basic}

func subjects() []explore.Subject {
	return []explore.Subject{&framer.Subject{Framings: both}, &worker.Subject{Framings: both}, &pool.Subject{Framings: both}}
}

// One seed gives the same history, whatever was generated before it.
func TestASeedGivesTheSameHistory(t *testing.T) {
	for _, s := range subjects() {
		for n := range uint64(50) {
			first, again := s.Generate(rand.New(rand.NewPCG(7, n))), s.Generate(rand.New(rand.NewPCG(7, n)))
			require.Equal(t, first, again)
			require.NotEmpty(t, first.Steps)
		}
	}
}

// What is saved is what is loaded, and follows the schema that is published with it.
func TestHistoriesAreSavedAsTheirSchemaSays(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("history.schema.json")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, s := range subjects() {
		for n, h := range append(s.Plain(), s.Generate(rand.New(rand.NewPCG(7, 1))), s.Generate(rand.New(rand.NewPCG(7, 2))), s.Generate(rand.New(rand.NewPCG(7, 3)))) {
			h.Made = explore.Made{Seed: "7", Number: n + 1}
			h.Expect = &explore.Expect{Rule: "a-rule", Clause: "MSG-1", Kin: []string{"WRK-9"}}
			h.Failed = &explore.Failed{Times: 1, Of: 20}
			path, err := h.Save(dir)
			require.NoError(t, err)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(document), string(data))
			loaded, err := explore.Load(path)
			require.NoError(t, err)
			require.Equal(t, h, loaded[path])
		}
	}
	all, err := explore.Load(dir)
	require.NoError(t, err)
	require.Greater(t, len(all), 60)
}

func TestWhatIsNoHistoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty":   "",
		"version": `{"schema":"pyproctest/history/2","role":"worker","options":{},"made":{},"steps":[]}`,
		"command": `{"schema":"pyproctest/history/1","role":"worker","options":{},"made":{},"steps":[{"do":"run","command":"rm"}]}`,
	} {
		path := filepath.Join(dir, name+".json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := explore.Load(path)
		require.ErrorContains(t, err, explore.Schema, name)
	}
	_, err := explore.Load(t.TempDir())
	require.ErrorContains(t, err, "holds no histories")
}

// Every step has words of its own: a person reads the failure.
func TestEveryStepIsDescribed(t *testing.T) {
	for _, s := range subjects() {
		for n := range uint64(200) {
			for _, step := range s.Generate(rand.New(rand.NewPCG(3, n))).Steps {
				require.NotEqual(t, step.Do, s.Describe(step), "%+v", step)
			}
		}
	}
}

// A simpler history is another one, and simplifying comes to an end.
func TestSimplerHistoriesDiffer(t *testing.T) {
	for _, s := range subjects() {
		for n := range uint64(20) {
			h := s.Generate(rand.New(rand.NewPCG(5, n)))
			h.Steps = h.Steps[:min(len(h.Steps), 20)]
			for c := range s.Simpler(h) {
				require.NotEqual(t, h, c)
				require.Len(t, c.Steps, len(h.Steps))
			}
		}
	}
}

// Whoever reads a history knows with what its subject was made, whichever option it is.
func TestEachOptionIsToldInWords(t *testing.T) {
	require.Empty(t, explore.Options{}.Words())
	of := reflect.TypeFor[explore.Options]()
	for i := range of.NumField() {
		var o explore.Options
		switch f := reflect.ValueOf(&o).Elem().Field(i); f.Kind() {
		case reflect.Int:
			f.SetInt(7)
		case reflect.String:
			f.SetString("some")
		}
		require.NotEmpty(t, o.Words(), of.Field(i).Name)
	}
	require.Equal(t, "the basic framing; 2 workers; the workers' program does not exist", explore.Options{Framing: spec.Basic, Workers: 2, Program: "missing"}.Words())
}
