package conformance_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-shellwords"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

// commandLine reads the command of -worker. go test runs in the folder of the package, so a relative
// path that is not found there is tried against the module root, where the person most likely stands.
func commandLine(line string) (conformance.WorkerCommand, error) {
	words, err := shellwords.Parse(line)
	if err != nil {
		return conformance.WorkerCommand{}, fmt.Errorf("-worker %q cannot be read as a command: %w", line, err)
	}
	if len(words) == 0 {
		return conformance.WorkerCommand{}, errors.New("-worker is empty: give the command that starts your worker")
	}
	here, err := os.Getwd()
	if err != nil {
		return conformance.WorkerCommand{}, err
	}
	root, err := moduleRoot(here)
	if err != nil {
		return conformance.WorkerCommand{}, err
	}
	for i, word := range words {
		if words[i], err = located(word, i == 0, here, root); err != nil {
			return conformance.WorkerCommand{}, fmt.Errorf("-worker %q: %w", line, err)
		}
	}
	for _, word := range words {
		showToGo(word, root)
	}
	return conformance.Command(words[0], words[1:]...), nil
}

// showToGo looks at the file that a word of a command names, and at all files beside and below it, if it is within the
// module. The go command then takes a cached result only while none of them has changed, what a script imports included.
func showToGo(word, root string) {
	_, value, isFlag := strings.Cut(word, "=")
	if isFlag && strings.HasPrefix(word, "-") {
		word = value
	}
	inside := func(path string) bool { return strings.HasPrefix(path, root+string(filepath.Separator)) }
	info, err := os.Stat(word)
	if err != nil || !inside(word) {
		return
	}
	folder := word
	if !info.IsDir() {
		folder = filepath.Dir(word)
	}
	if !inside(folder) {
		return
	}
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			return nil // what cannot be read cannot be run
		case entry.IsDir() && path != folder && (strings.HasPrefix(name, ".") || name == "__pycache__" || name == "node_modules"):
			return fs.SkipDir // what tools write, a run of the worker among them
		case entry.Type().IsRegular():
			_, _ = os.Stat(path)
		}
		return nil
	})
}

// The go command reads what the test has looked at in the log that -test.testlogfile names.
func TestGoSeesTheFilesOfTheWorkerUnderTest(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	root := filepath.Dir(here)
	script, imported := filepath.Join(root, "pyworker", "conformance_worker.py"), filepath.Join(root, "pyworker", "pyproject.toml")
	for _, line := range []string{"", "true " + script, "true pyworker/conformance_worker.py", "true --script=" + script, "true " + filepath.Dir(script)} {
		log := filepath.Join(t.TempDir(), "log")
		cmd := exec.Command(os.Args[0], "-test.run", "^TestWorkerIsShown$", "-test.testlogfile", log, "-worker", line)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		seen, err := os.ReadFile(log)
		require.NoError(t, err)
		for _, file := range []string{script, imported} {
			require.Contains(t, string(seen), "stat "+file+"\n", line)
		}
	}
}

func TestWorkerIsShown(t *testing.T) {
	if *workerFlag == "" {
		bundledWorker(t)
		return
	}
	_, err := commandLine(*workerFlag)
	require.NoError(t, err)
}

// located makes a word of the command that names a file absolute, and leaves any other as it is.
func located(word string, program bool, here, root string) (string, error) {
	if filepath.IsAbs(word) || strings.HasPrefix(word, "-") || strings.Contains(word, "://") {
		return word, nil
	}
	if program && !strings.Contains(word, "/") {
		if _, err := exec.LookPath(word); err != nil {
			return "", fmt.Errorf("%q is no program that can be run: %w; give an absolute path", word, err)
		}
		return word, nil
	}
	for _, folder := range []string{here, root} {
		if info, err := os.Stat(filepath.Join(folder, word)); err == nil && (!info.IsDir() || strings.Contains(word, "/")) {
			return filepath.Join(folder, word), nil
		}
	}
	if program || strings.Contains(word, "/") || isScript(word) {
		return "", fmt.Errorf("%s is neither in %s, where go test runs, nor in %s, the module root; give an absolute path", word, here, root)
	}
	return word, nil
}

func isScript(word string) bool {
	return slices.Contains([]string{".py", ".js", ".mjs", ".ts", ".rb", ".php", ".jar", ".sh", ".pl"}, filepath.Ext(word))
}

func moduleRoot(from string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above", from)
		}
	}
}

func TestCommandLineFindsFilesInThePackageAndInTheModuleRoot(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	root := filepath.Dir(here)

	c, err := commandLine("go run SPEC.md README.md --flag -x 4 'a b' name")
	require.NoError(t, err)
	require.Equal(t, conformance.Command("go", "run",
		filepath.Join(here, "SPEC.md"), filepath.Join(root, "README.md"), "--flag", "-x", "4", "a b", "name"), c)

	c, err = commandLine("conformance/SPEC.md")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(here, "SPEC.md"), c.Path)
}

func TestCommandLineSaysToGiveAnAbsolutePathForWhatIsNowhere(t *testing.T) {
	for _, line := range []string{"go run nowhere.py", "./nowhere", "go some/nowhere", "no-such-program-here"} {
		_, err := commandLine(line)
		require.ErrorContains(t, err, "give an absolute path", line)
	}
	_, err := commandLine("")
	require.ErrorContains(t, err, "empty")
	_, err = commandLine("go 'unclosed")
	require.ErrorContains(t, err, "cannot be read as a command")
}
