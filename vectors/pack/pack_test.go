package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/vectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Both packages, by their own typed access, say of every vector what package vectors says.
func TestEveryPackageSaysWhatTheVectorsSay(t *testing.T) {
	out := packed(t)
	for language, command := range map[string][]string{
		"python": {"python3", "-c", pythonDump},
		"npm":    {"node", "--input-type=module", "-e", nodeDump},
	} {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("NOT RUN: %v", err)
			}
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Dir = filepath.Join(out, language)
			text, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", text)
			var got [][]string
			require.NoError(t, json.Unmarshal(text, &got), "%s", text)
			want := dump(t)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[i], got[i])
			}
		})
	}
}

func TestThePackagesBearTheVersionOfTheVectors(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	out := packed(t)
	project, err := os.ReadFile(filepath.Join(out, "python", "pyproject.toml"))
	require.NoError(t, err)
	require.Contains(t, string(project), "\nversion = \""+set.Version+".")
	text, err := os.ReadFile(filepath.Join(out, "npm", "package.json"))
	require.NoError(t, err)
	var manifest struct{ Version string }
	require.NoError(t, json.Unmarshal(text, &manifest))
	require.Regexp(t, `^`+set.Version+`\.\d+$`, manifest.Version)
	require.FileExists(t, filepath.Join(out, "pyproctest-vectors-"+manifest.Version+".tar.gz"))
}

func TestTheArchiveHasTheFilesAndIsTheSameEachTime(t *testing.T) {
	root := os.DirFS("../..")
	first, err := archived(root, "folder")
	require.NoError(t, err)
	second, err := archived(root, "folder")
	require.NoError(t, err)
	require.Equal(t, first, second)

	zipped, err := gzip.NewReader(bytes.NewReader(first))
	require.NoError(t, err)
	var names []string
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, header.Name)
		content, err := io.ReadAll(files)
		require.NoError(t, err)
		if kept, err := fs.ReadFile(vectors.FS, filepath.Base(header.Name)); err == nil {
			require.Equal(t, string(kept), string(content), header.Name)
		}
	}
	require.Equal(t, []string{
		"folder/LICENSE", "folder/README.md", "folder/basic.json", "folder/enhanced.json", "folder/history.json",
		"folder/messages.json", "folder/schema.json", "folder/streams.json",
	}, names)
}

func TestAPackageWithoutAPlaceForTheVersionIsRefused(t *testing.T) {
	root := fstest.MapFS{
		"LICENSE":                       {Data: []byte("x")},
		"vectors/README.md":             {Data: []byte("x")},
		"vectors/npm/package.json":      {Data: []byte(`{"version": "0.0.0"}`)},
		"vectors/python/pyproject.toml": {Data: []byte(`version = "1.0"`)},
	}
	require.ErrorContains(t, pack(root, t.TempDir()), "pyproject.toml: ")
	delete(root, "LICENSE")
	require.ErrorIs(t, pack(root, t.TempDir()), fs.ErrNotExist)
}

func packed(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, pack(os.DirFS("../.."), out))
	return out
}

// dump is every vector as a list of texts, and every version with its counts, as the two programs below print them.
func dump(t *testing.T) [][]string {
	t.Helper()
	set, err := vectors.Load()
	require.NoError(t, err)
	all := [][]string{{set.Version}}
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		line := []string{v.TcID, v.Clause, string(v.Framing), strconv.Itoa(int(v.MaxPayload)), hex.EncodeToString(v.Bytes), string(v.Error), strconv.Itoa(v.DecidedAt)}
		for _, f := range v.Frames {
			line = append(line, fmt.Sprint(f.ID), hex.EncodeToString(f.Payload))
		}
		all = append(all, line)
	}
	for _, v := range set.Messages {
		line := []string{v.TcID, v.Clause, string(v.Receiver), fmt.Sprint(v.HeaderID), hex.EncodeToString(v.Bytes), string(v.Outcome), fmt.Sprint(v.ID), string(v.Body)}
		for _, id := range v.AnswerIDs.Basic {
			line = append(line, fmt.Sprint(id))
		}
		all = append(all, line)
	}
	versions, err := vectors.Versions()
	require.NoError(t, err)
	for _, v := range versions {
		count := 0
		for _, names := range v.Added {
			count += len(names)
		}
		all = append(all, []string{v.Version, fmt.Sprint(count)})
	}
	return all
}

const pythonDump = `
import json, sys
sys.path.insert(0, "src")
from pyproctest_vectors import history, load, schema
s = load()
out = [[s.version]]
for v in s.frames():
    out.append([v.tc_id, v.clause, v.framing, str(v.max_payload), v.bytes.hex(), v.error or "", str(v.decided_at or 0)]
        + [x for f in v.frames for x in (str(f.id), f.payload.hex())])
for m in s.messages:
    out.append([m.tc_id, m.clause, m.receiver, str(m.header_id), m.bytes.hex(), m.outcome, str(m.id or 0), m.body or ""]
        + [str(i) for i in (m.answer_ids or {"basic": ()})["basic"]])
out += [[h.version, str(sum(map(len, h.added.values())))] for h in history()]
assert schema()["title"]
print(json.dumps(out))
`

const nodeDump = `
import { history, load, schema } from "./index.js";
const hex = (b) => Buffer.from(b).toString("hex");
const s = load();
const out = [[s.version]];
for (const v of s.frames()) {
  out.push([v.tcId, v.clause, v.framing, String(v.maxPayload), hex(v.bytes), v.error ?? "", String(v.decidedAt ?? 0),
    ...v.frames.flatMap((f) => [String(f.id), hex(f.payload)])]);
}
for (const m of s.messages) {
  out.push([m.tcId, m.clause, m.receiver, String(m.headerId), hex(m.bytes), m.outcome, String(m.id ?? 0), m.body ?? "",
    ...(m.answerIds?.basic ?? []).map(String)]);
}
for (const h of history()) out.push([h.version, String(Object.values(h.added).flat().length)]);
if (!schema().title) throw new Error("no schema");
console.log(JSON.stringify(out));
`
