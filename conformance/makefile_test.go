package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The Makefile names the tests that make test leaves to make test-slow. A name of which there is no test would leave a test
// where nobody put it.
func TestTheMakefileNamesTestsThatThereAre(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	var tests strings.Builder
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			tests.Write(text)
			return err
		}
		return err
	}))
	for _, variable := range []string{"SLOW", "APART"} {
		m := regexp.MustCompile(`(?m)^` + variable + ` *= \^Test\((.*?)\)(?:\$|$)`).FindSubmatch(makefile)
		require.NotNil(t, m, "%s of the Makefile begins with ^Test(", variable)
		names := strings.NewReplacer("Reference(Framer|Pool)Passes", "ReferenceFramerPasses|ReferencePoolPasses").Replace(string(m[1]))
		for name := range strings.SplitSeq(names, "|") {
			require.Contains(t, tests.String(), "\nfunc Test"+name, "%s of the Makefile", variable)
		}
	}
}
