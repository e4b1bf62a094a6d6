package main

import (
	"fmt"
	"sync"
)

// What can be wrong.
const (
	wrongAnswer = "wrong answers"
	ofAnother   = "answers of another call"
	ranTwice    = "calls that ran twice"
	unsentRan   = "calls said to be unsent that ran"
	neverRan    = "calls answered that never ran"
	strangeRun  = "runs of what was not called"
	noEnd       = "without an end"
	wrongCycle  = "starts and stops that went wrong"
	leftOver    = "left at the end"
)

var everyWrong = []string{wrongAnswer, ofAnother, ranTwice, unsentRan, neverRan, strangeRun, noEnd, wrongCycle, leftOver}

// wrongs counts what is wrong, by kind, and keeps the first of each.
type wrongs struct {
	mu    sync.Mutex
	count map[string]int
	first map[string][]string
}

func newWrongs() *wrongs { return &wrongs{count: map[string]int{}, first: map[string][]string{}} }

// shown is how many of a kind are kept.
const shown = 5

func (w *wrongs) add(kind, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count[kind]++; w.count[kind] <= shown {
		w.first[kind] = append(w.first[kind], fmt.Sprintf(format, args...))
	}
}

func (w *wrongs) all() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := 0
	for _, n := range w.count {
		all += n
	}
	return all
}
