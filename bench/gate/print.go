package gate

import (
	"fmt"
	"io"
)

// Print tells the verdict: what fails, what became better, and how many rows were judged.
func (v Verdict) Print(to io.Writer) error {
	p := &printer{to: to}
	count := map[Change]int{}
	for _, j := range v.Judgements {
		count[j.Change]++
	}
	p.printf("\nverdict: ")
	if bad := v.Failures(); len(bad) > 0 {
		p.printf("WORSE, in %d of %d judged measurements\n", len(bad), len(v.Judgements))
	} else {
		p.printf("not worse, in %d judged measurements\n", len(v.Judgements))
	}
	for _, change := range []Change{Worse, Missing, TooFew, Chance, Better, New} {
		for _, j := range v.Judgements {
			if j.Change == change {
				p.printf("  %-8s %s\n", change, j)
			}
		}
	}
	p.printf("  %d measurements did not change beyond their limits (alpha %.2g)\n", count[Same], Alpha)
	return p.err
}

type printer struct {
	to  io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, format, args...)
	}
}
