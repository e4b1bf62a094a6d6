package gate

import (
	"fmt"
	"io"
)

// few is how many of a kind are told, but for what is worse: of that all.
const few = 5

// Print tells the verdict: what fails, what became better, and how many rows were judged.
func (v Verdict) Print(to io.Writer) error {
	p := &printer{to: to}
	count := map[Change]int{}
	for _, j := range v.Judgements {
		count[j.Change]++
	}
	p.printf("\nverdict: ")
	switch all := len(v.Judgements); {
	case count[Worse] > 0:
		p.printf("WORSE, in %d of %d judged measurements\n", count[Worse], all)
	case len(v.Failures()) > 0:
		p.printf("FAILS, for %d of %d judged measurements are on one side alone, or have too few runs\n", count[New]+count[Missing]+count[TooFew], all)
	default:
		p.printf("not worse, in %d judged measurements\n", all)
	}
	for _, change := range []Change{Worse, Missing, New, TooFew, Chance, Better} {
		told := 0
		for _, j := range v.Judgements {
			if j.Change != change {
				continue
			}
			if told++; change != Worse && told > few {
				p.printf("  %-8s … and %d more\n", change, count[change]-few)
				break
			}
			p.printf("  %-8s %s\n", change, j)
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
