package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFilesAreWhatTheGeneratorsMake(t *testing.T) {
	files, err := generate()
	require.NoError(t, err)
	require.Len(t, files, 4)
	for name, made := range files {
		kept, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(kept), string(made), "%s is out of date: go run ./vectors/gen -dir vectors", name)
	}
}

func TestTheGeneratorsMakeTheSameBytesEachTime(t *testing.T) {
	first, err := generate()
	require.NoError(t, err)
	second, err := generate()
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestWriteSaysWhichFolderIsMissing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	require.ErrorContains(t, write(missing), missing)
}

func TestWriteFillsAFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, write(dir))
	written, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.Len(t, written, 5)
}

// write continues the history that it finds: written over the files that are kept, it changes none of them.
func TestTheHistoryIsThatOfTheseVectors(t *testing.T) {
	dir := t.TempDir()
	kept, err := filepath.Glob("../*.json")
	require.NoError(t, err)
	require.Len(t, kept, 6)
	for _, file := range kept {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o600))
	}
	require.NoError(t, write(dir))
	for _, file := range kept {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		now, err := os.ReadFile(filepath.Join(dir, filepath.Base(file)))
		require.NoError(t, err)
		require.Equal(t, string(content), string(now), "%s is out of date: go run ./vectors/gen -dir vectors", file)
	}
}

func TestAHistoryGrowsByVersion(t *testing.T) {
	first := map[string]said{"a": {"FRM-1", "1"}, "b": {"FRM-2", "2"}}
	h, err := history{}.continued("1.0", nil, first)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"FRM-1": {"a"}, "FRM-2": {"b"}}, h.Versions[0].Added)

	// Before the version is out, its own vectors may change clause, content and name.
	same, err := h.continued("1.0", first, map[string]said{"a": {"FRM-3", "other"}, "c": {"FRM-2", "3"}})
	require.NoError(t, err)
	require.Equal(t, []versionSteps{{Version: "1.0", Added: map[string][]string{"FRM-2": {"c"}, "FRM-3": {"a"}}}}, same.Versions)

	more := map[string]said{"a": {"FRM-1", "1"}, "b": {"FRM-2", "2"}, "c": {"FRM-2", "3"}}
	second, err := h.continued("1.1", first, more)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"FRM-2": {"c"}}, second.Versions[1].Added)
	require.Equal(t, h.Versions[0], second.Versions[0])

	third, err := second.continued("2.0", more, map[string]said{"a": {"FRM-1", "another verdict"}, "c": {"FRM-2", "3"}})
	require.NoError(t, err)
	require.Equal(t, versionSteps{
		Version: "2.0", Added: map[string][]string{},
		Changed: map[string][]string{"FRM-1": {"a"}}, Removed: map[string][]string{"FRM-2": {"b"}},
	}, third.Versions[2])
}

func TestAChangeThatTheVersionDoesNotAllowIsRefused(t *testing.T) {
	first := map[string]said{"a": {"FRM-1", "1"}, "b": {"FRM-2", "2"}}
	h, err := history{}.continued("1.0", nil, first)
	require.NoError(t, err)
	_, err = h.continued("1.1", first, map[string]said{"a": {"FRM-1", "1"}})
	require.ErrorContains(t, err, "b is gone: raise the first number")
	_, err = h.continued("1.1", first, map[string]said{"a": {"FRM-1", "other"}, "b": {"FRM-2", "2"}})
	require.ErrorContains(t, err, "a says something else than before: raise the first number")
	_, err = h.continued("0.9", first, first)
	require.ErrorContains(t, err, "version 0.9 in files.go is older than 1.0")
	_, err = h.continued("1.10", first, first)
	require.NoError(t, err, "10 comes after 9")
}

// The values that SPEC.md gives [CRC-1, CRC-3].
func TestChecksumsAreThoseOfTheSpecification(t *testing.T) {
	require.EqualValues(t, 0xE3069283, crc32c("123456789"))
	require.EqualValues(t, 0, crc32c(""))
}

// The frames that SPEC.md shows byte by byte.
func TestFramesAreThoseOfTheWorkedExample(t *testing.T) {
	const request = `{"id":1,"method":"echo","body":"hi"}`
	require.Equal(t, "PY\x00\x00\x00\x36\x00\x00\x00\x00\x00\x00\x00\x01\xb8\x14\xbb\x6f"+request, enhanced(1, request).raw())
	const response = `{"id":1,"ok":true,"body":"hi"}`
	require.Equal(t, "PY\x00\x00\x00\x30\x00\x00\x00\x00\x00\x00\x00\x01\x6e\xa9\xd1\x83"+response, enhanced(1, response).raw())
	require.Equal(t, "\x00\x00\x00\x24"+request, basic(request))
}
