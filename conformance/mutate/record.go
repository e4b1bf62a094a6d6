package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// record is what became of the mutants that were tried.
type record struct {
	known reviewed

	mu    sync.Mutex
	count map[verdict]int
	may   int               // survived, with a reason
	left  []string          // survived, without one
	odd   map[string]string // killed though a reason says that they cannot be
}

// enter notes how a trial ended. Who runs it sees the survivors as they come.
func (r *record) enter(m mutant, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count, r.odd = map[verdict]int{}, map[string]string{}
	}
	r.count[o.verdict]++
	switch o.verdict {
	case survived, unsure:
		if r.known.reason(m) != "" {
			r.may++
			return
		}
		text := fmt.Sprintf("%s:%d: %s %s\n\t%s", m.File, m.Line, m.Kind, o.verdict, m.key())
		if o.by != "" {
			text += "\n\t" + o.by
		}
		r.left = append(r.left, text)
		fmt.Println(text)
	case killed, crashed:
		if _, listed := r.known[m.key()]; listed {
			r.odd[m.key()] = o.by
		}
	}
}

// print tells the figures.
func (r *record) print(w io.Writer, target string) {
	dead := r.count[killed] + r.count[hung] + r.count[crashed]
	lives := r.count[survived] + r.count[unsure]
	_, _ = fmt.Fprintf(w, "\n%s: %d killed (%d by a hang, %d by a crash), %d survived, %d of them with a reason in %s.txt, %d unsure\n",
		target, dead, r.count[hung], r.count[crashed], lives, r.may, target, r.count[unsure])
	_, _ = fmt.Fprintf(w, "%d more do not compile, %d compile to the same program\n", r.count[notBuilt], r.count[sameBinary])
	if judged := dead + len(r.left); judged > 0 {
		_, _ = fmt.Fprintf(w, "%.1f %% of %d that are not known to be equivalent were killed\n", 100*float64(dead)/float64(judged), judged)
	}
	slices.Sort(r.left)
	if len(r.left) > 0 {
		_, _ = fmt.Fprintf(w, "survivors:\n%s\n", strings.Join(r.left, "\n"))
	}
	for key, by := range r.odd {
		_, _ = fmt.Fprintf(w, "killed by %s, though %s.txt has a reason why not:\n\t%s\n", by, target, key)
	}
}
