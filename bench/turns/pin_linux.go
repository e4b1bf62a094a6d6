package turns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// CanPin says whether this system can keep a process on one core.
const CanPin = true

// Pin keeps this process, and those that it starts meanwhile, on one core until the benchmark ends. A wake-up
// across cores costs more than a whole small call, and whether there is one is for the system to choose.
func Pin(b *testing.B) {
	b.Helper()
	unpin, err := PinProcess()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := unpin(); err != nil {
			b.Fatal(err)
		}
	})
}

// PinProcess does what [Pin] does, until unpin is called. Processes that were started meanwhile stay on that core.
func PinProcess() (unpin func() error, err error) {
	one, before, err := LastCore()
	if err != nil {
		return nil, err
	}
	if err := setAffinity(one); err != nil {
		return nil, errors.Join(err, setAffinity(before))
	}
	procs := runtime.GOMAXPROCS(1)
	return func() error {
		runtime.GOMAXPROCS(procs)
		return setAffinity(before)
	}, nil
}

// LastCore returns the last of the cores that this thread may run on, for the first has more of the system's own
// work, and all of them.
func LastCore() (last, all unix.CPUSet, err error) {
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return last, all, fmt.Errorf("the cores of this process are not known: %w", err)
	}
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) {
			last.Zero()
			last.Set(cpu)
		}
	}
	return last, all, nil
}

// setAffinity sets the cores of every thread. It goes on until a round finds none that came meanwhile from one
// not yet set.
func setAffinity(cores unix.CPUSet) error {
	for done := map[int]bool{}; ; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("the threads of this process are not known: %w", err)
		}
		fresh := false
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			if err := unix.SchedSetaffinity(id, &cores); err != nil && err != unix.ESRCH {
				return fmt.Errorf("the cores of thread %d cannot be set: %w", id, err)
			}
			done[id], fresh = true, true
		}
		if !fresh {
			return nil
		}
	}
}
