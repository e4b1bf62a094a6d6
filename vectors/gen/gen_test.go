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
	require.Len(t, written, 4)
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
