package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATemporaryFolderThatIsTooLongForSocketsIsNamed(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	require.NoError(t, os.Mkdir(long, 0o700))
	t.Setenv("TMPDIR", long)
	_, err := SocketDir()
	require.ErrorContains(t, err, "the temporary folder "+long+" is too long for a socket")
	require.ErrorContains(t, err, "set TMPDIR to a shorter folder")
	left, err := os.ReadDir(long)
	require.NoError(t, err)
	require.Empty(t, left)

	t.Setenv("TMPDIR", "/tmp")
	dir, err := SocketDir()
	require.NoError(t, err)
	require.NoError(t, os.Remove(dir))
}
