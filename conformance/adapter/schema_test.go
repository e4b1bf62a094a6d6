package adapter_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// What passes between the suite and the adapters of the tests follows the schema, whatever is asked. The
// wrapper that writes it down shows, too, that a wrapper is no hindrance.
func TestLinesFollowTheSchema(t *testing.T) {
	schema := compiledSchema(t)
	for _, c := range []struct {
		role spec.Role
		only []string
	}{
		{spec.RoleFramer, []string{"FRM-1/header-*", "FRM-11", "FRM-12", "CRC-5", "STR-2/broken-*", "STR-4/end-together-*", "STR-5", "STR-6"}},
		{spec.RolePool, []string{"STA-*", "BPR-6", "CAN-1", "HLT-3", "HLT-5", "MSG-16", "SHD-1", "SHD-6"}},
	} {
		t.Run(string(c.role), func(t *testing.T) {
			dir := t.TempDir()
			right := command(t, string(c.role))
			recorded := conformance.Command("sh", "-c", `tee "$RECORD/asked.$$" | "$PROGRAM" | tee "$RECORD/answered.$$"`)
			recorded.Env = append(right.Env, "RECORD="+dir, "PROGRAM="+right.Path)
			a, err := adapter.Open(t.Context(), c.role, recorded, adapter.Options{})
			require.NoError(t, err)
			var rep conformance.Report
			if c.role == spec.RoleFramer {
				rep = conformance.CheckFramer(a.Context(), a.Framer(), conformance.Only(c.only...))
			} else {
				rep = conformance.CheckPool(a.Context(), a.Pool(), conformance.Only(c.only...))
			}
			require.NoError(t, a.Close())
			for _, r := range rep.Results {
				require.Equal(t, result.StatusPass, r.Status, r.Text())
			}
			for _, which := range []string{"asked", "answered"} {
				require.Greater(t, follow(t, schema, filepath.Join(dir, which+".*")), 50, which)
			}
		})
	}
}

// follow holds each line of the files against the schema, and returns how many there were.
func follow(t *testing.T, schema *jsonschema.Schema, pattern string) (lines int) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	for _, name := range files {
		file, err := os.Open(name)
		require.NoError(t, err)
		in := bufio.NewScanner(file)
		in.Buffer(nil, 64<<20)
		for ; in.Scan(); lines++ {
			require.NoError(t, validate(t, schema, in.Text()), "%.200s", in.Text())
		}
		require.NoError(t, in.Err())
		require.NoError(t, file.Close())
	}
	return lines
}

func TestExamplesOfTheDocumentFollowTheSchema(t *testing.T) {
	text, err := os.ReadFile("../ADAPTERS.md")
	require.NoError(t, err)
	schema := compiledSchema(t)
	lines := 0
	for _, part := range strings.Split(string(text), "`") { // inline code
		if strings.HasPrefix(part, `{"tag"`) && !strings.Contains(part, "…") && !strings.Contains(part, `"tag": n`) {
			require.NoError(t, validate(t, schema, part), part)
			lines++
		}
	}
	for _, block := range strings.Split(string(text), "```") {
		block = strings.NewReplacer("\n→ ", "\x00", "\n← ", "\x00").Replace(block)
		for i, part := range strings.Split(block, "\x00") {
			if i > 0 {
				require.NoError(t, validate(t, schema, part), part)
				lines++
			}
		}
	}
	require.GreaterOrEqual(t, lines, 15)
}

// A schema that takes everything would pass the tests above.
func TestTheSchemaRefusesWhatIsNoLine(t *testing.T) {
	schema := compiledSchema(t)
	for _, right := range []string{
		`{"tag":1,"do":"hello","version":1,"role":"framer"}`,
		`{"tag":1,"reads":[{"kind":"eof"}],"unknown":"ignored"}`,
		`{"tag":1,"do":"something-new"}`,
	} {
		require.NoError(t, validate(t, schema, right), right)
	}
	for _, wrong := range []string{
		`[]`,
		`{"do":"start"}`,
		`{"tag":"1","do":"start"}`,
		`{"tag":1}`,
		`{"tag":1,"do":"hello","version":1}`,
		`{"tag":1,"do":"hello","version":1,"role":"worker"}`,
		`{"tag":1,"do":"decode","framing":"enhanced","chunks":["5"],"then":"eof"}`,
		`{"tag":1,"do":"decode","framing":"enhanced","chunks":["5A"],"then":"eof"}`,
		`{"tag":1,"do":"decode","framing":"enhanced","chunks":[],"then":"close"}`,
		`{"tag":1,"do":"encode","framing":"enhanced","frames":[{"id":7,"payload":""}]}`,
		`{"tag":1,"do":"call"}`,
		`{"tag":1,"do":"cancel","of":2,"why":"bored"}`,
		`{"tag":1,"reads":[{"kind":"bad_checksum"}]}`,
		`{"tag":1,"reads":[{"kind":"frame","payload":""}]}`,
		`{"tag":1,"reads":[{"kind":"eof","id":"1"}]}`,
		`{"tag":1,"writes":[]}`,
		`{"tag":1,"ok":false}`,
		`{"tag":1,"ok":true,"refused":"both"}`,
		`{"tag":1,"error":{"kinds":["lost"],"text":""}}`,
		`{"tag":1,"error":{"kinds":[]}}`,
		`{"tag":1,"body":{"a":1}}`,
		`{"tag":1,"total":1,"healthy":1,"restarts":0}`,
	} {
		require.Error(t, validate(t, schema, wrong), wrong)
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err, text)
	return schema.Validate(value)
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("adapter.schema.json")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("adapter.schema.json", value))
	schema, err := compiler.Compile("adapter.schema.json")
	require.NoError(t, err)
	return schema
}
