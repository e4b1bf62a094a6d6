package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watchedFolder is a folder with a worker and a module of it, and what watches them.
func watchedFolder(t *testing.T) (dir string, w *watchedFiles) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"worker.py", "lib/module.py", "__pycache__/x.py", ".git/index", "node_modules/a.js", "env/pyvenv.cfg", "env/b.py", "out.log"} {
		save(t, filepath.Join(dir, name), "1")
	}
	w = newWatchedFiles([]string{filepath.Join(dir, "report.json")})
	w.add(filepath.Join(dir, "worker.py"), true)
	require.NoError(t, w.start())
	return dir, w
}

func save(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
}

func inTime(t *testing.T) context.Context {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(end)
	return ctx
}

func TestSourcesAreWatchedAndWhatToolsWriteIsNot(t *testing.T) {
	t.Parallel()
	dir, w := watchedFolder(t)
	require.Len(t, w.seen, 2, "worker.py and lib/module.py: %v", w.seen)
	for _, name := range []string{"__pycache__/x.py", ".git/index", "node_modules/a.js", "env/b.py", "out.log", "report.json", ".worker.py.swp", "lib/new.py"} {
		save(t, filepath.Join(dir, name), "changed")
	}
	require.Equal(t, []string{filepath.Join(dir, "lib/new.py")}, w.wait(inTime(t)).files)
	require.NoError(t, os.Remove(filepath.Join(dir, "lib/module.py")))
	require.Equal(t, []string{filepath.Join(dir, "lib/module.py")}, w.wait(inTime(t)).files)
}

// As editors do it: a new file takes the place of the old one, perhaps of the same size.
func TestAFileThatIsReplacedHasChanged(t *testing.T) {
	t.Parallel()
	dir, w := watchedFolder(t)
	began := time.Now()
	save(t, filepath.Join(dir, ".new"), "2")
	require.NoError(t, os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "worker.py")))
	c := w.wait(inTime(t))
	require.Equal(t, []string{filepath.Join(dir, "worker.py")}, c.files)
	require.WithinDuration(t, began, c.at, 10*time.Second)
}

// Without this, a run would begin the next one for ever. Between the runs the file is anybody's again.
func TestAFileThatChangesWithEachRunCountsBetweenThemOnly(t *testing.T) {
	t.Parallel()
	dir, w := watchedFolder(t)
	data := filepath.Join(dir, "lib/data.txt")
	save(t, data, "0")
	require.NoError(t, w.start())
	for run := range unrulyAfter {
		require.Empty(t, w.inARow[data]-run)
		save(t, data, "written by run "+string(rune('1'+run)))
		c := w.waitBeside(inTime(t))
		require.Equal(t, []string{data}, c.files)
		require.Equal(t, run == unrulyAfter-1, len(c.unruly) == 1, "run %d: %v", run+1, c.unruly)
	}
	save(t, data, "written by a run more")
	save(t, filepath.Join(dir, "worker.py"), "saved meanwhile")
	require.Equal(t, []string{filepath.Join(dir, "worker.py")}, w.waitBeside(inTime(t)).files)

	save(t, data, "written by the last run")
	ended, end := context.WithCancel(t.Context())
	end()
	require.Empty(t, w.waitBeside(ended).files)
	require.Empty(t, w.differing(w.look(), func(string) bool { return true }), "what the run wrote is no change")
	save(t, data, "edited")
	require.Equal(t, []string{data}, w.wait(inTime(t)).files)
}

func TestFilesWithANewNameInEachRunAreOneKind(t *testing.T) {
	t.Parallel()
	dir, w := watchedFolder(t)
	for _, name := range []string{"1", "22", "333"} {
		save(t, filepath.Join(dir, "trace-"+name+".json"), "x")
		require.NotEmpty(t, w.waitBeside(inTime(t)).files)
	}
	require.Equal(t, unrulyAfter, w.inARow[filepath.Join(dir, "*.json")])
}

// Of the files that the command line names, none is left to the implementation.
func TestTheWorkerItselfAlwaysCounts(t *testing.T) {
	t.Parallel()
	dir, w := watchedFolder(t)
	for _, text := range []string{"22", "333", "4444", "55555"} {
		save(t, filepath.Join(dir, "worker.py"), text)
		c := w.waitBeside(inTime(t))
		require.NotEmpty(t, c.files)
		require.Empty(t, c.unruly)
	}
}

func TestWhatIsWatchedFollowsFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"src/worker.py", "bin/tool", "conf/app.toml", "other/x"} {
		save(t, filepath.Join(dir, name), "1")
	}
	t.Chdir(dir)
	for _, c := range []struct {
		command string
		dirs    []string
		folders []string
		named   []string
	}{
		{"python3 src/worker.py", nil, []string{"src"}, []string{"src/worker.py"}},
		{"bin/tool", nil, []string{"bin"}, []string{"bin/tool"}},
		{"bin/tool src/worker.py --config=conf/app.toml", nil, []string{"src", "conf"}, []string{"bin/tool", "conf/app.toml", "src/worker.py"}},
		{"go run ./other", nil, []string{"other"}, []string{}},
		{"python3 -m worker", nil, []string{"."}, []string{}},
		{"python3 src/worker.py", []string{"other/"}, []string{"other"}, []string{"src/worker.py"}},
	} {
		w, err := (&runFlags{worker: c.command, watchDirs: c.dirs}).watchedFiles()
		require.NoError(t, err, c.command)
		require.Equal(t, c.folders, w.folders, c.command)
		named := []string{}
		for path := range w.named {
			named = append(named, path)
		}
		require.ElementsMatch(t, c.named, named, c.command)
	}
	_, err := (&runFlags{worker: "x", watchDirs: []string{"nowhere"}}).watchedFiles()
	require.ErrorContains(t, err, "nowhere")
	_, err = (&runFlags{worker: "x", watchDirs: []string{"bin/tool"}}).watchedFiles()
	require.ErrorContains(t, err, "it is not a folder")
}
