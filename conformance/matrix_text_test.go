package conformance_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// matrixText is MATRIX.md.
func matrixText(rows []matrixRow, explored explorations) string {
	count := func(want func(matrixRow) bool) int {
		n := 0
		for _, r := range rows {
			if want(r) {
				n++
			}
		}
		return n
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# What the suite catches, and what it leaves alone

Each fault is a right implementation with one thing wrong. The whole suite ran on each of %d, and each was
caught by the clause that it breaks. It ran on %d controls too, which are odd but right, and accused none.

`+"`make matrix`"+` runs it all again and writes this file and catalog/matrix.json; a test compares both with the faults
that there are.
`,
		count(func(r matrixRow) bool { return r.Clause != "" }), count(func(r matrixRow) bool { return r.Clause == "" }))
	fmt.Fprintf(&b, "\nThe failure that a report shows first is of the fault's own clause for %d of the %d.\n",
		count(func(r matrixRow) bool { return r.Clause != "" && r.First == r.Clause }), count(func(r matrixRow) bool { return r.Clause != "" }))
	fmt.Fprintf(&b, `
%d faults were written from SPEC.md alone, by somebody who had not seen the cases. When the suite ran on them for the first
time, the cases of their own clauses found %d. What is found by now is among the faults below; `+"%d are not found yet: %s.\n",
		writtenBlind, foundAtFirst, len(notFoundYet), strings.Join(notFoundYet, ", "))
	b.WriteString(explored.text(rows))
	for _, role := range []spec.Role{spec.RoleFramer, spec.RolePool, spec.RoleWorker} {
		var faults, controls []matrixRow
		for _, r := range rows {
			switch {
			case r.Role == role && r.Clause != "":
				faults = append(faults, r)
			case r.Role == role:
				controls = append(controls, r)
			}
		}
		fmt.Fprintf(&b, "\n## %s: %d faults\n\n", role, len(faults))
		b.WriteString(grid(role, faults))
		b.WriteString("\n| | clause | what is wrong | caught by | by explore |\n|---|---|---|---|---|\n")
		for i, r := range faults {
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", i+1, r.Clause, r.What, shortList(r.Kills[r.Clause], r.Clause+"/"), explored.column(role, r.What))
		}
		fmt.Fprintf(&b, "\nControls, on all of which every case passed:\n\n")
		for _, r := range controls {
			fmt.Fprintf(&b, "- %s\n", strings.TrimPrefix(r.What, "odd: "))
		}
		for _, c := range spec.Clauses() {
			if reason := ownless[role][c.Name]; reason != "" {
				fmt.Fprintf(&b, "\n%s has no fault of its own, which no other clause sees: %s.\n", c.Name, reason)
			}
		}
	}
	return b.String()
}

// grid shows clause by fault: "#" where the suite found the clause that the fault breaks, "+" where it
// accused one that the same fault may break as well.
func grid(role spec.Role, faults []matrixRow) string {
	var b strings.Builder
	b.WriteString("`#`: the clause that the fault of that number breaks. `+`: one that the same fault breaks as well.\n\n```\n")
	tens, ones := "", ""
	for i := range faults {
		ten := " "
		if (i+1)%10 == 0 {
			ten = fmt.Sprint((i + 1) / 10 % 10)
		}
		tens, ones = tens+ten, ones+fmt.Sprint((i+1)%10)
	}
	fmt.Fprintf(&b, "%s\n%s\n", strings.TrimRight("        "+tens, " "), "        "+ones)
	for _, c := range spec.Clauses() {
		if !c.Binds(role) || c.Untestable != "" {
			continue
		}
		line := fmt.Sprintf("%-8s", c.Name)
		for _, f := range faults {
			switch {
			case len(f.Kills[c.Name]) > 0 && f.Clause == c.Name:
				line += "#"
			case len(f.Kills[c.Name]) > 0:
				line += "+"
			default:
				line += "·"
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String() + "```\n"
}

// shortList names the first cases, those of the clause before others, and how many there are beside them.
func shortList(cases []string, prefix string) string {
	const shown = 2
	cases = slices.Clone(cases)
	slices.SortStableFunc(cases, func(a, b string) int {
		own := func(c string) int {
			if strings.HasPrefix(c, prefix) {
				return 0
			}
			return 1
		}
		return own(a) - own(b)
	})
	var names []string
	for _, c := range cases[:min(shown, len(cases))] {
		names = append(names, strings.TrimPrefix(c, prefix))
	}
	text := strings.Join(slices.Compact(names), ", ")
	if more := len(cases) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
