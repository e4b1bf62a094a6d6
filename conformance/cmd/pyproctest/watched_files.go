package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// watchedFiles sees when files change. It compares their sizes and times at intervals, because that works everywhere:
// network file systems and the mounts of containers and virtual machines send no notifications, and where the system has
// them they need a handle for each folder.
type watchedFiles struct {
	named   map[string]bool // files that count whatever they are called
	folders []string
	outputs map[string]bool // that pyproctest itself writes
	seen    map[string]stamp
	tick    time.Duration
	// inARow is in how many runs in a row a file has changed, by its key. At unrulyAfter it counts no more during runs.
	inARow map[string]int
}

type stamp struct {
	size int64
	at   time.Time
}

const (
	lookEvery = 100 * time.Millisecond
	// lookingShare bounds the time that looking takes: one part of so many.
	lookingShare = 20
	// settled is how long files stay as they are before a change of several of them is over.
	settled     = 50 * time.Millisecond
	mostLooks   = 40 // until a change is over
	mostFiles   = 20_000
	unrulyAfter = 3
)

// change is a change of the watched files.
type change struct {
	files  []string
	at     time.Time // when the last of them was saved
	unruly []string  // those of the files that seem to be written by the implementation
}

func (c change) found() bool { return len(c.files) > 0 }

func (c change) String() string {
	names := strings.Join(c.files[:min(len(c.files), 3)], ", ")
	if more := len(c.files) - 3; more > 0 {
		names += " and " + text.Plural(more, "more file")
	}
	return names + " changed"
}

func newWatchedFiles(outputs []string) *watchedFiles {
	w := &watchedFiles{named: map[string]bool{}, outputs: map[string]bool{}, inARow: map[string]int{}}
	for _, path := range outputs {
		w.outputs[filepath.Clean(path)] = true
	}
	return w
}

// add watches a file that the command line names and the folder that it is in, or a folder.
func (w *watchedFiles) add(path string, withFolder bool) {
	path = filepath.Clean(path)
	folder := path
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		w.named[path] = true
		folder = filepath.Dir(path)
	}
	if withFolder && !slices.Contains(w.folders, folder) {
		w.folders = append(w.folders, folder)
	}
}

// start looks for the first time, and says what is wrong with the folders.
func (w *watchedFiles) start() error {
	for _, folder := range w.folders {
		if info, err := os.Stat(folder); err != nil {
			return fmt.Errorf("--watch: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("--watch-dir %s: it is not a folder", folder)
		}
	}
	began := time.Now()
	w.seen = w.look()
	w.tick = max(lookEvery, lookingShare*time.Since(began))
	if len(w.seen) > mostFiles {
		return fmt.Errorf("--watch: there are more than %d files below %s: name the folder of the sources with --watch-dir", mostFiles, strings.Join(w.folders, ", "))
	}
	return nil
}

func (w *watchedFiles) String() string {
	return fmt.Sprintf("%s in %s", text.Plural(len(w.seen), "file"), strings.Join(w.folders, ", "))
}

var errTooMany = errors.New("too many files")

// look returns the stamps of all files that exist now.
func (w *watchedFiles) look() map[string]stamp {
	now := map[string]stamp{}
	see := func(path string, info fs.FileInfo, err error) {
		if err == nil && info.Mode().IsRegular() && !w.outputs[path] {
			now[path] = stamp{info.Size(), info.ModTime()}
		}
	}
	for path := range w.named {
		info, err := os.Stat(path)
		see(path, info, err)
	}
	for _, folder := range w.folders {
		_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			switch {
			case len(now) > mostFiles:
				return errTooMany
			case err != nil:
				return nil // gone meanwhile, or not ours to read
			case d.IsDir():
				if path != folder && (skippedFolders[d.Name()] || strings.HasPrefix(d.Name(), ".") || exists(filepath.Join(path, "pyvenv.cfg"))) {
					return fs.SkipDir
				}
				return nil
			case w.named[path] || skippedFile(d.Name()):
				return nil
			}
			info, err := os.Stat(path)
			see(path, info, err)
			return nil
		})
	}
	return now
}

var skippedFolders = map[string]bool{"__pycache__": true, "node_modules": true, "target": true}

// skippedFile reports whether the name is that of a file which tools write beside the sources.
func skippedFile(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		slices.Contains([]string{".pyc", ".class", ".o", ".log", ".pid", ".tmp", ".swp"}, filepath.Ext(name))
}

// wait returns the next change, or none when the context ends. It is for the time between runs, in which whatever changes
// was changed by somebody.
func (w *watchedFiles) wait(ctx context.Context) change {
	return w.next(ctx, func(string) bool { return true })
}

// waitBeside is wait during a run, in which the implementation may write files too; the context ends with the run. A file that
// changes in each run is left to the implementation, unless the command line names it.
func (w *watchedFiles) waitBeside(ctx context.Context) change {
	before := maps.Clone(w.seen)
	c := w.next(ctx, func(key string) bool { return w.inARow[key] < unrulyAfter })
	rows := map[string]int{}
	for key, n := range w.inARow {
		if n >= unrulyAfter {
			rows[key] = n
		}
	}
	for _, path := range c.files {
		_, was := before[path]
		_, is := w.seen[path]
		key := w.keyOf(path, was && is)
		if w.named[path] || rows[key] > 0 {
			continue
		}
		if rows[key] = w.inARow[key] + 1; rows[key] == unrulyAfter {
			c.unruly = append(c.unruly, key)
		}
	}
	w.inARow = rows
	for path, now := range w.look() {
		if _, there := w.seen[path]; rows[w.keyOf(path, there)] >= unrulyAfter {
			w.seen[path] = now // so that what the run wrote is no change afterwards
		}
	}
	return c
}

// keyOf returns under which name changes are counted: the file itself, or for one that comes or goes all of its kind, since
// such files may have a new name each time.
func (w *watchedFiles) keyOf(path string, stays bool) string {
	if stays {
		return path
	}
	return filepath.Join(filepath.Dir(path), "*"+filepath.Ext(path))
}

// next returns the next change of files whose key counts.
func (w *watchedFiles) next(ctx context.Context, counts func(key string) bool) change {
	tick := time.NewTicker(w.tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return change{}
		case <-tick.C:
		}
		now := w.look()
		if len(w.differing(now, counts)) == 0 {
			continue
		}
		tick.Reset(settled)
		for range mostLooks { // an editor, a formatter or a compiler may write more
			select {
			case <-ctx.Done():
				return change{}
			case <-tick.C:
			}
			later := w.look()
			if maps.Equal(now, later) {
				break
			}
			now = later
		}
		c := change{files: w.differing(now, counts)}
		for _, path := range c.files {
			if at := now[path].at; at.After(c.at) {
				c.at = at
			}
		}
		if ago := time.Since(c.at); ago < 0 || ago > time.Minute { // copied with its old time, or removed
			c.at = time.Now()
		}
		w.seen = now
		if c.found() { // and not as it was before
			return c
		}
		tick.Reset(w.tick)
	}
}

// differing returns the files that are not as they were seen, in order.
func (w *watchedFiles) differing(now map[string]stamp, counts func(key string) bool) []string {
	var files []string
	for path, s := range now {
		was, there := w.seen[path]
		if (!there || was != s) && counts(w.keyOf(path, there)) {
			files = append(files, path)
		}
	}
	for path := range w.seen {
		if _, there := now[path]; !there && counts(w.keyOf(path, false)) {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files
}
