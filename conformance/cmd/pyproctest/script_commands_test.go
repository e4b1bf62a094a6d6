package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"status":  exitsWith,
	"schema":  conformsTo,
	"unhex":   fromHexDigits,
	"fill":    fillIn,
	"gohere":  buildWithinModule,
	"results": sameResults,
}

// exitsWith is "status N COMMAND…": the command ends with that exit status and no other.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		ended := (*exec.ExitError)(nil)
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

// fromHexDigits is "unhex FILE DIGITS…": writes the bytes.
func fromHexDigits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: unhex FILE DIGITS…")
	}
	data, err := hex.DecodeString(strings.Join(args[1:], ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

// fillIn is "fill PROGRAM PART [IMPORT…]": what stands under "Yours" in a program that init wrote becomes the
// part, and a Go program imports these too.
func fillIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fill PROGRAM PART [IMPORT…]")
	}
	text, err := filled(ts.ReadFile(args[0]), ts.ReadFile(args[1]))
	ts.Check(err)
	for _, path := range args[2:] {
		text = strings.Replace(text, "import (\n", "import (\n\t"+path+"\n", 1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

// filled puts a part in the place of what stands under "Yours" in a program.
func filled(program, part string) (string, error) {
	before, rest, found := strings.Cut(program, " --- Yours ")
	_, after, more := strings.Cut(rest, " --- The ")
	if !found || !more {
		return "", errors.New("the program has no part to fill in")
	}
	comment := before[strings.LastIndexByte(before, '\n')+1:]
	return strings.TrimSuffix(before, comment) + part + "\n" + comment + " --- The " + after, nil
}

// buildWithinModule is "gohere PROGRAM MAIN.GO": builds a Go program as if it stood in this module.
func buildWithinModule(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gohere PROGRAM MAIN.GO")
	}
	folder := filepath.Join(ts.Getenv("ROOT"), "conformance", "cmd", "pyproctest", "filled")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(folder, "main.go"): ts.MkAbs(args[1])}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("overlay.json"), overlay, 0o666))
	ts.Check(ts.Exec("go", "build", "-C", ts.Getenv("ROOT"), "-overlay", ts.MkAbs("overlay.json"), "-o", ts.MkAbs(args[0]), folder))
}

// sameResults is "results A… = B": the events of the A, none of which shares a case with another, tell the same
// results as those of B.
func sameResults(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[len(args)-2] != "=" {
		ts.Fatalf("usage: results A… = B")
	}
	parts := map[string]string{}
	for _, file := range args[:len(args)-2] {
		for id, status := range resultsIn(ts, file) {
			if parts[id] != "" {
				ts.Fatalf("%s is in two of them", id)
			}
			parts[id] = status
		}
	}
	if whole := resultsIn(ts, args[len(args)-1]); !maps.Equal(parts, whole) {
		ts.Fatalf("they differ: %v\n%v", parts, whole)
	}
}

func resultsIn(ts *testscript.TestScript, file string) map[string]string {
	statuses := map[string]string{}
	for line := range strings.Lines(ts.ReadFile(file)) {
		var event struct{ Event, ID, Status string }
		ts.Check(json.Unmarshal([]byte(line), &event))
		if event.Event == "result" {
			statuses[event.ID] = event.Status
		}
	}
	if len(statuses) == 0 {
		ts.Fatalf("%s tells no result", file)
	}
	return statuses
}

// conformsTo is "schema SCHEMA FILE": each line of the file is JSON as the schema has it.
func conformsTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: schema SCHEMA FILE")
	}
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(compiler.AddResource("schema.json", document))
	schema, err := compiler.Compile("schema.json")
	ts.Check(err)
	lines := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		lines++
		event, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		ts.Check(err)
		if err := schema.Validate(event); err != nil {
			ts.Fatalf("line %d: %v\n%s", lines, err, line)
		}
	}
	if lines == 0 {
		ts.Fatalf("%s has no line", args[1])
	}
}
