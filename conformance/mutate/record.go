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
	may int // not tried, since a person has found that they may survive

	mu    sync.Mutex
	count map[verdict]int
	left  []string
}

// enter notes how a trial ended. Who runs it sees the survivors as they come.
func (r *record) enter(m mutant, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count = map[verdict]int{}
	}
	r.count[o.verdict]++
	if o.verdict != survived && o.verdict != unsure {
		return
	}
	text := fmt.Sprintf("%s:%d: %s %s\n\t%s", m.File, m.Line, m.Kind, o.verdict, m.key())
	if o.by != "" {
		text += "\n\tfound once by " + o.by
	}
	r.left = append(r.left, text)
	fmt.Println(text)
}

// print tells the figures.
func (r *record) print(w io.Writer, target string) {
	dead := r.count[killed] + r.count[hung] + r.count[crashed]
	if judged := dead + len(r.left); judged > 0 {
		_, _ = fmt.Fprintf(w, "\n%s: %d of %d mutants were killed, %.1f %%: %d by a case, %d by a hang, %d by a crash; %d survived, %d may have\n",
			target, dead, judged, 100*float64(dead)/float64(judged), r.count[killed], r.count[hung], r.count[crashed], r.count[survived], r.count[unsure])
	}
	_, _ = fmt.Fprintf(w, "not counted: %d that do not compile, %d that compile to the same program, %d in all that were not tried, since %s.txt says why they may survive\n",
		r.count[notBuilt], r.count[sameBinary], r.may, target)
	slices.Sort(r.left)
	if len(r.left) > 0 {
		_, _ = fmt.Fprintf(w, "survivors:\n%s\n", strings.Join(r.left, "\n"))
	}
}
