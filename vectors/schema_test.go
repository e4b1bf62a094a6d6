package vectors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/vectors"
)

var files = []string{"enhanced.json", "basic.json", "streams.json", "messages.json"}

func TestEveryFileFollowsTheSchema(t *testing.T) {
	schema := compiledSchema(t)
	for _, name := range append([]string{"history.json"}, files...) {
		require.NoError(t, schema.Validate(document(t, name)), name)
	}
}

func TestTheSchemaRefusesWhatIsNoHistory(t *testing.T) {
	for wrong, spoil := range map[string]func(file, newest map[string]any){
		"no version":                func(f, _ map[string]any) { delete(f, "version") },
		"no versions":               func(f, _ map[string]any) { f["versions"] = []any{} },
		"a version that adds none":  func(_, v map[string]any) { delete(v, "added") },
		"an unknown field":          func(_, v map[string]any) { v["extra"] = 1 },
		"a name of no clause":       func(_, v map[string]any) { v["added"] = map[string]any{"frm-1": []any{"enhanced-a"}} },
		"a name of no vector":       func(_, v map[string]any) { v["added"] = map[string]any{"FRM-1": []any{"a"}} },
		"a clause without a vector": func(_, v map[string]any) { v["added"] = map[string]any{"FRM-1": []any{}} },
	} {
		file := document(t, "history.json").(map[string]any)
		versions := file["versions"].([]any)
		spoil(file, versions[len(versions)-1].(map[string]any))
		require.Error(t, compiledSchema(t).Validate(file), wrong)
	}
}

// A schema that takes everything would pass the test above.
func TestTheSchemaRefusesWhatIsNoVector(t *testing.T) {
	for _, wrong := range []struct {
		name, file string
		spoil      func(file, vector map[string]any)
	}{
		{"file with an unknown field", "basic.json", func(f, _ map[string]any) { f["extra"] = 1 }},
		{"file without a version", "basic.json", func(f, _ map[string]any) { delete(f, "version") }},
		{"file with another name", "basic.json", func(f, _ map[string]any) { f["name"] = "messages" }},
		{"file with a flag that the schema lacks", "basic.json", func(f, _ map[string]any) { f["flags"] = map[string]any{"new": "x"} }},
		{"vector with an unknown field", "enhanced.json", func(_, v map[string]any) { v["extra"] = 1 }},
		{"frame with an unknown field", "enhanced.json", func(_, v map[string]any) {
			v["frames"] = []any{map[string]any{"id": "1", "payload": "", "crc": "0"}}
		}},
		{"vector without a clause", "enhanced.json", func(_, v map[string]any) { delete(v, "clause") }},
		{"tcId with a capital", "enhanced.json", func(_, v map[string]any) { v["tcId"] = "enhanced-Length" }},
		{"tcId of another file", "enhanced.json", func(_, v map[string]any) { v["tcId"] = "worker-length" }},
		{"half a byte", "enhanced.json", func(_, v map[string]any) { v["bytes"] = "505" }},
		{"hexadecimal digits in capitals", "enhanced.json", func(_, v map[string]any) { v["bytes"] = "FF" }},
		{"ID as a number", "enhanced.json", func(_, v map[string]any) {
			v["frames"] = []any{map[string]any{"id": json.Number("1"), "payload": ""}}
		}},
		{"ID with a leading zero", "enhanced.json", func(_, v map[string]any) {
			v["frames"] = []any{map[string]any{"id": "01", "payload": ""}}
		}},
		{"valid with an error", "enhanced.json", func(_, v map[string]any) { v["result"], v["error"] = "valid", "bad_crc" }},
		{"invalid without an error", "enhanced.json", func(_, v map[string]any) { v["result"] = "invalid"; delete(v, "error") }},
		{"invalid without decidedAt", "enhanced.json", func(_, v map[string]any) {
			v["result"], v["error"] = "invalid", "bad_crc"
			delete(v, "decidedAt")
		}},
		{"unknown error kind", "enhanced.json", func(_, v map[string]any) {
			v["result"], v["error"], v["decidedAt"] = "invalid", "bad_frame", json.Number("18")
		}},
		{"bad_crc in the basic framing", "basic.json", func(_, v map[string]any) {
			v["result"], v["error"], v["decidedAt"] = "invalid", "bad_crc", json.Number("18")
		}},
		{"ID in the basic framing", "basic.json", func(_, v map[string]any) {
			v["frames"] = []any{map[string]any{"id": "1", "payload": ""}}
		}},
		{"limit over what the framings bear", "basic.json", func(_, v map[string]any) { v["maxPayload"] = json.Number("1348009984") }},
		{"request without a method", "messages.json", func(_, v map[string]any) { delete(v, "method") }},
		{"request with the fields of a response", "messages.json", func(_, v map[string]any) { v["ok"] = true }},
		{"request that a pool receives", "messages.json", func(_, v map[string]any) { v["receiver"] = "pool" }},
		{"violation in the basic framing", "messages.json", func(_, v map[string]any) {
			v["outcome"] = "violation"
			for _, field := range []string{"envelope", "id", "method", "body"} {
				delete(v, field)
			}
		}},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			file := document(t, wrong.file).(map[string]any)
			wrong.spoil(file, file["tests"].([]any)[0].(map[string]any))
			require.Error(t, compiledSchema(t).Validate(file))
		})
	}
}

func TestNumberOfTestsIsTheirNumber(t *testing.T) {
	for _, name := range files {
		file := document(t, name).(map[string]any)
		require.Equal(t, fmt.Sprint(len(file["tests"].([]any))), fmt.Sprint(file["numberOfTests"]), name)
	}
}

func TestEachFileExplainsTheFlagsItUses(t *testing.T) {
	for _, name := range files {
		file := document(t, name).(map[string]any)
		used := map[string]bool{}
		for _, test := range file["tests"].([]any) {
			for _, flag := range test.(map[string]any)["flags"].([]any) {
				used[flag.(string)] = true
			}
		}
		require.ElementsMatch(t, slices.Collect(maps.Keys(used)), slices.Collect(maps.Keys(file["flags"].(map[string]any))), name)
	}
}

func TestTextIsThereExactlyWhereThePayloadIsUTF8(t *testing.T) {
	file := document(t, "messages.json").(map[string]any)
	for i, v := range loaded(t).Messages {
		test := file["tests"].([]any)[i].(map[string]any)
		text, there := test["text"]
		require.Equal(t, utf8.Valid(v.Bytes), there, v.TcID)
		if there {
			require.Equal(t, string(v.Bytes), text, v.TcID)
		}
	}
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(offline{})
	require.NoError(t, compiler.AddResource("mem:///schema.json", document(t, "schema.json")))
	schema, err := compiler.Compile("mem:///schema.json")
	require.NoError(t, err)
	return schema
}

// offline refuses to load anything: what a schema needs beside its own text, the
// library has built in.
type offline struct{}

func (offline) Load(url string) (any, error) {
	return nil, fmt.Errorf("the schema refers to %s, and tests load nothing", url)
}

func document(t *testing.T, name string) any {
	t.Helper()
	data, err := fs.ReadFile(vectors.FS, name)
	require.NoError(t, err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return parsed
}
