package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	messagesWaiting = 1 << 20 // bytes that may wait for whoever reads standard error
	logWaiting      = 16 << 20
	lastReading     = 2 * time.Second // how long the end of the command waits for readers
)

// lossy passes messages on to a writer that may block. Write never waits: what does not fit into the bound is dropped, and
// a line in its place says how many messages that were.
type lossy struct {
	out   io.Writer
	bound int                    // in bytes
	lost  func(count int) []byte // what to write in place of dropped messages; nil for nothing
	ended chan struct{}          // closed when the writing has ended

	mu      sync.Mutex
	waiting [][]byte
	size    int // of waiting, and of what is being written
	dropped int // since the last line that said so
	missing int // how many messages were dropped in all
	closed  bool
	err     error         // of the writer
	changed chan struct{} // has room for one
}

func newLossy(out io.Writer, bound int, lost func(int) []byte) *lossy {
	l := &lossy{out: out, bound: bound, lost: lost, ended: make(chan struct{}), changed: make(chan struct{}, 1)}
	go l.run()
	return l
}

// Write returns the error of the writer, if there was one before.
func (l *lossy) Write(message []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return 0, l.err
	case l.size+len(message) > l.bound:
		l.dropped++
		l.missing++
	default:
		l.size += len(message)
		l.waiting = append(l.waiting, slices.Clone(message))
	}
	l.wake()
	return len(message), nil
}

// close waits a moment until everything is written. It returns an error if something is missing.
func (l *lossy) close() error {
	l.mu.Lock()
	l.closed = true
	l.wake()
	l.mu.Unlock()
	select {
	case <-l.ended:
	case <-time.After(lastReading):
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch missing := l.missing + len(l.waiting); {
	case l.err != nil:
		return l.err
	case missing > 0 || l.size > 0:
		return fmt.Errorf("%d messages were not written, because nobody read them", max(1, missing))
	}
	return nil
}

func (l *lossy) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// run writes until it is closed and nothing waits, or until the writer fails.
func (l *lossy) run() {
	defer close(l.ended)
	for {
		l.mu.Lock()
		messages, closed := l.waiting, l.closed
		if l.dropped > 0 && l.lost != nil {
			line := l.lost(l.dropped)
			l.size += len(line)
			messages = append(messages, line)
		}
		l.waiting, l.dropped = nil, 0
		l.mu.Unlock()
		if len(messages) == 0 {
			if closed {
				return
			}
			<-l.changed
			continue
		}
		for _, message := range messages {
			_, err := l.out.Write(message)
			l.mu.Lock()
			l.size -= len(message)
			l.err = err
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
}

func droppedMessages(count int) []byte {
	return fmt.Appendf(nil, "… %d messages were dropped here, because nobody read them; --log FILE keeps everything\n", count)
}

// openPrivate opens a file that lines are added to. A new file has the mode 0600, because it has what passes. Several taps
// may share it.
func openPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// openLog opens the log, if there is one. closeLog returns an error if the log is not complete.
func (t *tapping) openLog(stdout io.Writer) (closeLog func() error, err error) {
	if t.logPath == "" {
		return func() error { return nil }, nil
	}
	out, closeFile := stdout, func() error { return nil }
	if t.logPath != "-" {
		file, err := openPrivate(t.logPath)
		if err != nil {
			return nil, fmt.Errorf("--log: %w", err)
		}
		out, closeFile = file, file.Close
		if isRegular(file) {
			t.log = file
			return closeFile, nil
		}
	}
	queued := newLossy(out, logWaiting, nil) // a pipe that nobody reads must not stop the traffic
	t.log = queued
	return func() error {
		if err := queued.close(); err != nil {
			return err // a file that is being written to cannot be closed
		}
		return closeFile()
	}, nil
}

// openRecord opens the file of --record, if there is one. closeRecord returns an error if the record is not complete.
func (t *tapping) openRecord() (closeRecord func() error, err error) {
	if t.recordPath == "" {
		return func() error { return nil }, nil
	}
	file, err := openPrivate(t.recordPath)
	if err != nil {
		return nil, fmt.Errorf("--record: %w", err)
	}
	if !isRegular(file) {
		_ = file.Close()
		return nil, fmt.Errorf("--record %s: it is not a regular file", t.recordPath)
	}
	r := &recording{out: file}
	t.options.OnPassing = r.keep
	return func() error { return errors.Join(r.err, file.Close()) }, nil
}

func isRegular(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular()
}
