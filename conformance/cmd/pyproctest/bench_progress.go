package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/pyproctest/pyproctest/bench/rounds"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// benchLine shows how far a measurement is: on a terminal in one line that changes, elsewhere in a line each round.
type benchLine struct {
	to     io.Writer
	screen *os.File // nil if it is no terminal
	told   int      // the last round that a line told of
}

func newBenchLine(to io.Writer) *benchLine {
	l := &benchLine{to: to}
	if screen, ok := terminal(to); ok {
		l.screen = screen
	}
	return l
}

func (l *benchLine) show(p rounds.Progress) {
	if l.screen == nil {
		if p.Round != l.told {
			l.told = p.Round
			fmt.Fprintf(l.to, "round %d of %d, about %v left\n", p.Round, p.Rounds, p.Left)
		}
		return
	}
	const width = 20
	done := width * p.Done / max(p.All, 1)
	state := fmt.Sprintf("%s%s round %d of %d, about %v left  %s", strings.Repeat("█", done), strings.Repeat("░", width-done), p.Round, p.Rounds, p.Left, p.Row)
	if columns, _, err := term.GetSize(int(l.screen.Fd())); err == nil && columns > 0 {
		state = text.Clip(state, max(1, columns-1))
	}
	fmt.Fprint(l.screen, clearLine+state)
}

func (l *benchLine) clear() {
	if l.screen != nil {
		fmt.Fprint(l.screen, clearLine)
	}
}
