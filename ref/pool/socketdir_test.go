package pool

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// abandoned makes a socket directory with a socket in it, as a killed process leaves it.
func abandoned(t *testing.T, parent string) string {
	t.Helper()
	d, err := makeSocketDir(parent)
	require.NoError(t, err)
	leaveSocket(t, d.path, socketName(0))
	require.NoError(t, d.lock.Close()) // as the kernel does
	return d.path
}

func leaveSocket(t *testing.T, dir, name string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
}

func socketParent(t *testing.T) string {
	parent, err := os.MkdirTemp("", "pp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	return parent
}

func TestAbandonedSocketDirectoriesAreRemoved(t *testing.T) {
	parent := socketParent(t)
	left := []string{abandoned(t, parent), abandoned(t, parent)}
	living, err := makeSocketDir(parent)
	require.NoError(t, err)
	leaveSocket(t, living.path, socketName(0)) // which nobody listens at: that is not what counts

	require.ElementsMatch(t, left, removeAbandoned(parent))
	for _, path := range left {
		require.NoDirExists(t, path)
	}
	require.FileExists(t, filepath.Join(living.path, lockName))
	require.Empty(t, removeAbandoned(parent))
	require.NoError(t, living.remove())
	require.NoDirExists(t, living.path)
}

// Only what a pool of this user has made is removed, and only whole.
func TestOtherDirectoriesAreNotRemoved(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string) string{
		"another name": func(t *testing.T, path string) string {
			renamed := filepath.Join(filepath.Dir(path), "ppx1")
			require.NoError(t, os.Rename(path, renamed))
			return renamed
		},
		"no lock": func(t *testing.T, path string) string {
			require.NoError(t, os.Remove(filepath.Join(path, lockName)))
			return path
		},
		"the lock is a symbolic link": func(t *testing.T, path string) string {
			lock := filepath.Join(path, lockName)
			require.NoError(t, os.Rename(lock, filepath.Join(path, "7.sock")))
			require.NoError(t, os.Symlink("7.sock", lock))
			return path
		},
		"the lock is a pipe": func(t *testing.T, path string) string {
			lock := filepath.Join(path, lockName)
			require.NoError(t, os.Remove(lock))
			require.NoError(t, syscall.Mkfifo(lock, 0o600))
			return path
		},
		"open to others": func(t *testing.T, path string) string {
			require.NoError(t, os.Chmod(path, 0o755))
			return path
		},
		"another file": func(t *testing.T, path string) string {
			require.NoError(t, os.WriteFile(filepath.Join(path, "notes"), nil, 0o600))
			return path
		},
		"a file with the name of a socket": func(t *testing.T, path string) string {
			require.NoError(t, os.WriteFile(filepath.Join(path, "1.sock"), nil, 0o600))
			return path
		},
		"a directory": func(t *testing.T, path string) string {
			require.NoError(t, os.Mkdir(filepath.Join(path, "1.sock"), 0o700))
			return path
		},
		"a symbolic link to such a directory": func(t *testing.T, path string) string {
			elsewhere := filepath.Join(socketParent(t), "pp1")
			require.NoError(t, os.Rename(path, elsewhere))
			require.NoError(t, os.Symlink(elsewhere, path))
			return elsewhere
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := socketParent(t)
			path := change(t, abandoned(t, parent))
			before, err := os.ReadDir(path)
			require.NoError(t, err)
			require.Empty(t, removeAbandoned(parent))
			require.False(t, removeIfAbandoned(path) && name != "another name" && name != "a symbolic link to such a directory")
			if name != "another name" && name != "a symbolic link to such a directory" {
				after, err := os.ReadDir(path)
				require.NoError(t, err)
				require.Len(t, after, len(before), "nothing in it is removed either")
			}
		})
	}
}

// owned is a file of the given user.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (o owned) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestFilesOfOtherUsersAreNotOurs(t *testing.T) {
	require.True(t, isOwn(owned{uid: uint32(os.Geteuid())}))
	require.False(t, isOwn(owned{uid: uint32(os.Geteuid()) + 1}))
}

// Pools that start, stop and sweep at once never remove the directory of one that lives.
func TestPoolsThatSweepAtOnceLeaveEachOtherAlone(t *testing.T) {
	parent := socketParent(t)
	ends := time.Now().Add(300 * time.Millisecond)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := 0; time.Now().Before(ends); i++ {
				removeAbandoned(parent)
				d, err := makeSocketDir(parent)
				if err != nil {
					t.Error(err)
					return
				}
				removeAbandoned(parent)
				if _, err := os.Stat(filepath.Join(d.path, lockName)); err != nil {
					t.Errorf("the directory of a living pool was swept: %v", err)
				}
				if i%2 == 0 {
					_ = d.lock.Close() // killed
				} else if err := d.remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	removeAbandoned(parent)
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A pool that has opened the lock file may come after another one that has removed it.
func TestALockThatWasRemovedMeanwhileIsNotTaken(t *testing.T) {
	path := abandoned(t, socketParent(t))
	root, err := os.OpenRoot(path)
	require.NoError(t, err)
	defer root.Close()
	opened := make([]*os.File, 2)
	for i := range opened {
		opened[i], err = root.Open(lockName)
		require.NoError(t, err)
		defer opened[i].Close()
	}
	require.True(t, takeAbandoned(root, opened[0]))
	require.False(t, takeAbandoned(root, opened[1]), "it is held")
	require.NoError(t, root.Remove(lockName))
	require.NoError(t, opened[0].Close())
	require.False(t, takeAbandoned(root, opened[1]), "it is removed")
	require.NoError(t, os.WriteFile(filepath.Join(path, lockName), nil, 0o600))
	require.False(t, takeAbandoned(root, opened[1]), "it is another file")
}
