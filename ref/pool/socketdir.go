package pool

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// socketDir is a pool's own directory for the sockets of its workers. A lock on a file in it shows that the pool
// lives. The kernel releases the lock when the pool's process ends, however it does.
type socketDir struct {
	path string
	lock *os.File // nil if the file system has no locks
}

const (
	socketDirPattern = "pp*"
	longestSocketDir = "pp4294967295" // os.MkdirTemp replaces the star by at most so many digits
	lockName         = "pyproc-pool.lock"
)

var (
	socketDirName  = regexp.MustCompile(`^pp[0-9]+$`)
	socketFileName = regexp.MustCompile(`^[0-9]+\.sock$`)
)

func socketName(worker int) string { return fmt.Sprintf("%d.sock", worker) }

// makeSocketDir makes a directory in parent, mode 0700.
func makeSocketDir(parent string) (*socketDir, error) {
	path, err := os.MkdirTemp(parent, socketDirPattern)
	if err != nil {
		return nil, err
	}
	d := &socketDir{path: path}
	if err := d.takeLock(); err != nil {
		_ = d.remove()
		return nil, err
	}
	return d, nil
}

// takeLock makes the lock file. It gets its name when it is locked already, so that no other pool finds it
// unlocked.
func (d *socketDir) takeLock() error {
	unnamed := filepath.Join(d.path, "new")
	lock, err := os.OpenFile(unnamed, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = lock.Close()
		return os.Remove(unnamed)
	}
	d.lock = lock
	return os.Rename(unnamed, filepath.Join(d.path, lockName))
}

// remove removes the directory with all that is in it.
func (d *socketDir) remove() error {
	err := os.RemoveAll(d.path)
	if d.lock != nil {
		_ = d.lock.Close()
	}
	return err
}

// removeAbandoned removes the directories in parent that pools of this user have left behind whose processes were
// killed. Any error leaves a directory to the next pool. It returns the paths of those that it has removed.
func removeAbandoned(parent string) []string {
	entries, _ := os.ReadDir(parent)
	var removed []string
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if e.IsDir() && socketDirName.MatchString(e.Name()) && removeIfAbandoned(path) {
			removed = append(removed, path)
		}
	}
	return removed
}

// removeIfAbandoned removes a directory if a pool of this user made it, no process holds its lock, and nothing is in
// it but sockets and the lock.
func removeIfAbandoned(path string) bool {
	root, err := os.OpenRoot(path) // whatever path leads to by now, what follows stays inside of this directory
	if err != nil {
		return false
	}
	defer root.Close()
	dir, err := root.Stat(".")
	if err != nil || !isOwn(dir) || dir.Mode().Perm() != 0o700 {
		return false
	}
	if named, err := os.Lstat(path); err != nil || !os.SameFile(named, dir) {
		return false // a symbolic link
	}
	lock := lockAbandoned(root)
	if lock == nil {
		return false
	}
	defer lock.Close()

	listing, err := root.Open(".")
	if err != nil {
		return false
	}
	defer listing.Close()
	names, err := listing.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		f, err := root.Lstat(name)
		isSocket := err == nil && f.Mode().Type() == os.ModeSocket && socketFileName.MatchString(name)
		if name != lockName && !isSocket {
			return false
		}
	}
	for _, name := range names {
		if name != lockName {
			_ = root.Remove(name)
		}
	}
	// The lock last: without it the directory would never be removed.
	return root.Remove(lockName) == nil && os.Remove(path) == nil
}

// lockAbandoned locks the lock file of a directory and returns it, or nil if there is none or it cannot be taken.
func lockAbandoned(root *os.Root) *os.File {
	before, err := root.Lstat(lockName)
	if err != nil || !before.Mode().IsRegular() || !isOwn(before) {
		return nil
	}
	lock, err := root.OpenFile(lockName, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	if !takeAbandoned(root, lock) {
		_ = lock.Close()
		return nil
	}
	return lock
}

// takeAbandoned locks a lock file that was opened. It reports false if a process holds it, or if another pool has
// removed it meanwhile.
func takeAbandoned(root *os.Root, lock *os.File) bool {
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	opened, err := lock.Stat()
	if err != nil {
		return false
	}
	now, err := root.Lstat(lockName)
	return err == nil && os.SameFile(opened, now)
}

// isOwn reports whether this process's user owns a file.
func isOwn(f os.FileInfo) bool {
	stat, ok := f.Sys().(*syscall.Stat_t)
	return ok && int64(stat.Uid) == int64(os.Geteuid())
}
