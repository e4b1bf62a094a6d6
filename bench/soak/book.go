package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// outcome is what a call came to, for its caller.
type outcome uint8

const (
	pending    outcome = iota
	answered           // with the right answer, or the right error answer: it ran once
	refused            // by the worker, with an error answer: it ran once or never
	mayHaveRun         // so says the error
	unsent             // so says the error: it never ran
	wrongly            // with a wrong answer, which is counted already
)

// book has what became of every call, and how often it ran, as the workers wrote down. It lies outside
// Go's heap, whose growth is watched.
type book struct {
	outcomes []byte // by number of the call; written by its caller alone
	runs     []byte // by number of the call; written under mu
	last     atomic.Uint64

	mu      sync.Mutex
	read    map[string]int64 // how much of each journal was read
	strange int              // runs of what nobody called
}

// newBook has room for more calls than can be made in that time; what has no room is not called.
func newBook(duration time.Duration) (*book, error) {
	size := 1_000_000 + int(duration.Seconds())*60_000
	b := &book{read: map[string]int64{}}
	for _, to := range []*[]byte{&b.outcomes, &b.runs} {
		memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return nil, fmt.Errorf("no memory for the calls of %v: %w", duration, err)
		}
		*to = memory
	}
	return b, nil
}

func (b *book) close() {
	_ = syscall.Munmap(b.outcomes)
	_ = syscall.Munmap(b.runs)
}

// next is the number of a new call; false if there is no room.
func (b *book) next() (uint64, bool) {
	n := b.last.Add(1)
	return n, n < uint64(len(b.outcomes))
}

func (b *book) enter(n uint64, o outcome) { b.outcomes[n] = byte(o) }

// collect reads what workers wrote down since it was last called, and removes the journals of processes that
// have ended. mark tells a worker from a process that has got its ID since.
func (b *book) collect(journals, mark string) error {
	entries, err := os.ReadDir(journals)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, entry := range entries {
		name := entry.Name()
		pid, _, _ := strings.Cut(name, "-")
		ended := !isOwn(pid, mark) // looked at first, so that all it wrote is read
		if err := b.readJournal(filepath.Join(journals, name), name); err != nil {
			return err
		}
		if ended {
			delete(b.read, name)
			if err := os.Remove(filepath.Join(journals, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *book) readJournal(path, name string) error {
	text, err := readFrom(path, b.read[name])
	if err != nil {
		return err
	}
	whole := len(text) / 8 * 8
	b.read[name] += int64(whole)
	for ; len(text) >= 8; text = text[8:] {
		n := binary.LittleEndian.Uint64(text)
		switch {
		case n == 0 || n > b.last.Load() || n >= uint64(len(b.runs)):
			b.strange++
		case b.runs[n] < 255:
			b.runs[n]++
		}
	}
	return nil
}

func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, max(info.Size()-offset, 0))
	n, err := f.ReadAt(text, offset)
	if n == len(text) {
		err = nil
	}
	return text[:n], err
}

func isOwn(pid, mark string) bool {
	number, err := strconv.Atoi(pid)
	if err != nil {
		return false
	}
	_, own := markOf(number, mark)
	return own
}

// settle sets what was written down against what callers were told, once all calls have ended.
func (b *book) settle(journals, mark string, wrong *wrongs) error {
	if err := b.collect(journals, mark); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.strange > 0 {
		wrong.add(strangeRun, "workers ran %d requests that nobody made", b.strange)
	}
	for n := uint64(1); n <= min(b.last.Load(), uint64(len(b.outcomes)-1)); n++ {
		runs := b.runs[n]
		switch o := outcome(b.outcomes[n]); {
		case o == unsent && runs > 0:
			wrong.add(unsentRan, "call %d was said to be unsent, and ran %d times", n, runs)
		case runs > 1:
			wrong.add(ranTwice, "call %d ran %d times", n, runs)
		case o == answered && runs == 0:
			wrong.add(neverRan, "call %d was answered, and never ran", n)
		case o == pending:
			wrong.add(noEnd, "call %d has no end", n)
		}
	}
	return nil
}
