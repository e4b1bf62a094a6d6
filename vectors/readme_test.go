package vectors_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The snippets are run as they stand in README.md, each with a framer that is
// right, and with one that takes lengths below 18: a snippet that cannot fail
// would be worth nothing.

func TestTheGoSnippetOfTheReadmeWorks(t *testing.T) {
	framer := source(t, "decoder_test.go")
	t.Run("right framer", func(t *testing.T) {
		out, err := runGoSnippet(t, framer)
		require.NoError(t, err, out)
		require.Contains(t, out, "--- PASS: TestGoldenVectors")
	})
	t.Run("wrong framer", func(t *testing.T) {
		out, err := runGoSnippet(t, replaced(t, framer, "size < 18", "size < 17"))
		require.Error(t, err)
		require.Contains(t, out, "enhanced-length-17: ")
		require.NotContains(t, out, "enhanced-length-16: ")
	})
}

func TestThePythonSnippetOfTheReadmeWorks(t *testing.T) {
	framer := source(t, "testdata/readme/yours.py")
	t.Run("right framer", func(t *testing.T) {
		out, err := runSnippet(t, "python3", "python", "snippet.py", "yours.py", framer)
		require.NoError(t, err, out)
	})
	t.Run("wrong framer", func(t *testing.T) {
		out, err := runSnippet(t, "python3", "python", "snippet.py", "yours.py", replaced(t, framer, "size < 0", "size < -1"))
		require.Error(t, err)
		require.Contains(t, out, "AssertionError: enhanced-length-17: ")
	})
}

func TestTheJavaScriptSnippetOfTheReadmeWorks(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("not run: there is no node on this machine to run JavaScript with")
	}
	framer := source(t, "testdata/readme/yours.mjs")
	t.Run("right framer", func(t *testing.T) {
		out, err := runSnippet(t, "node", "javascript", "snippet.mjs", "yours.mjs", framer)
		require.NoError(t, err, out)
	})
	t.Run("wrong framer", func(t *testing.T) {
		out, err := runSnippet(t, "node", "javascript", "snippet.mjs", "yours.mjs", replaced(t, framer, "size < 0", "size < -1"))
		require.Error(t, err)
		require.Contains(t, out, "enhanced-length-17: ")
	})
}

func TestTheRustSnippetOfTheReadmeWorks(t *testing.T) {
	if _, err := exec.LookPath("rustc"); err != nil {
		t.Skip("not run: there is no rustc on this machine to compile Rust with")
	}
	dir := t.TempDir()
	library := filepath.Join(dir, "libserde_json.rlib")
	out, err := exec.CommandContext(t.Context(), "rustc", "-A", "dead_code", "--edition", "2021", "--crate-type", "rlib",
		"--crate-name", "serde_json", "-o", library, "testdata/readme/serde_json.rs").CombinedOutput()
	require.NoError(t, err, "%s", out)
	framer := source(t, "testdata/readme/yours.rs")
	run := func(t *testing.T, framer string) (string, error) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "snippet.rs"), []byte(snippet(t, "rust")), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "yours.rs"), []byte(framer), 0o600))
		program := filepath.Join(dir, "snippet")
		out, err := exec.CommandContext(t.Context(), "rustc", "-D", "warnings", "--test", "--edition", "2021",
			"--extern", "serde_json="+library, "-o", program, filepath.Join(dir, "snippet.rs")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Dir = ".."
		out, err = cmd.CombinedOutput()
		return string(out), err
	}
	t.Run("right framer", func(t *testing.T) {
		out, err := run(t, framer)
		require.NoError(t, err, out)
		require.Contains(t, out, "golden_vectors ... ok")
	})
	t.Run("wrong framer", func(t *testing.T) {
		out, err := run(t, replaced(t, framer, "size < 0", "size < -1"))
		require.Error(t, err)
		require.Contains(t, out, "enhanced-length-17: ")
	})
}

func TestTheReadmeNamesEveryField(t *testing.T) {
	readme := source(t, "README.md")
	for _, name := range files {
		for _, test := range document(t, name).(map[string]any)["tests"].([]any) {
			for field := range test.(map[string]any) {
				require.Contains(t, readme, "`"+field+"`", name)
			}
		}
	}
}

// runSnippet runs the snippet as a script in the folder that it names its files
// from, the root of the module, with the framer beside the script.
func runSnippet(t *testing.T, interpreter, language, scriptName, framerName, framer string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, scriptName)
	require.NoError(t, os.WriteFile(script, []byte(snippet(t, language)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, framerName), []byte(framer), 0o600))
	cmd := exec.CommandContext(t.Context(), interpreter, script)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// runGoSnippet runs the snippet as one more test file of this package, which an
// overlay adds without writing it here.
func runGoSnippet(t *testing.T, framer string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	here, err := os.Getwd()
	require.NoError(t, err)
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, content := range map[string]string{"snippet_test.go": snippet(t, "go"), "decoder_test.go": framer} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		overlay.Replace[filepath.Join(here, name)] = file
	}
	list, err := json.Marshal(overlay)
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, list, 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "test", "-v", "-run", "^TestGoldenVectors$", "-overlay", overlayFile, ".").CombinedOutput()
	return string(out), err
}

func snippet(t *testing.T, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(source(t, "README.md"), -1)
	require.Len(t, found, 1, "snippets in %s", language)
	return found[0][1]
}

func source(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

func replaced(t *testing.T, text, old, new string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, old), "%q must stand there once", old)
	return strings.Replace(text, old, new, 1)
}
