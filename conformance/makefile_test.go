package conformance_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	for _, variable := range []string{"SLOWTESTS", "APART"} {
		m := regexp.MustCompile(`(?m)^` + variable + ` *= \^?Test\((.*?)\)(?:\$|$)`).FindSubmatch(makefile)
		require.NotNil(t, m, "%s of the Makefile begins with Test(", variable)
		names := strings.NewReplacer("Reference(Framer|Pool)Passes", "ReferenceFramerPasses|ReferencePoolPasses").Replace(string(m[1]))
		for name := range strings.SplitSeq(names, "|") {
			require.True(t, strings.Contains(tests.String(), "\nfunc Test"+name), "%s of the Makefile names Test%s, which there is not", variable, name)
		}
	}
}

// A package that the race detector leaves out because it starts no goroutine starts none, in its tests neither.
func TestPackagesThatAreNotRacedStartNoGoroutine(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^QUIET *= (.*)$`).FindSubmatch(makefile)
	require.NotNil(t, m)
	quiet := regexp.MustCompile(`^\.\./(` + string(m[1]) + `)$`)
	folders := 0
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !quiet.MatchString(filepath.ToSlash(path)) {
			return err
		}
		folders++
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				_, starts := n.(*ast.GoStmt)
				if call, ok := n.(*ast.CallExpr); ok {
					method, ok := call.Fun.(*ast.SelectorExpr)
					starts = ok && slices.Contains([]string{"Go", "Parallel", "RunParallel"}, method.Sel.Name)
				}
				require.False(t, starts, "%s starts a goroutine, so QUIET of the Makefile must not name its package", file)
				return true
			})
		}
		return nil
	}))
	require.Equal(t, 13, folders, "QUIET names as many packages as there are")
}
