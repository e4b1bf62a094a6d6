// Command gen writes the numbers of clauses, cases, planted faults and controls into README.md.
//
// They come from spec.Clauses, catalog.Cases and the matrix that make matrix wrote. Run it by make generate; a test fails
// while README.md says other numbers. It imports catalog and spec.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func main() {
	file := flag.String("readme", "../../README.md", "the file to write the numbers into")
	flag.Parse()
	text, err := os.ReadFile(*file)
	if err == nil {
		text, err = counted(text)
	}
	if err == nil {
		err = os.WriteFile(*file, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

var place = regexp.MustCompile(`(?s)(<!-- counts: make generate -->\n).*?(<!-- /counts -->\n)`)

// counted returns the text with today's numbers between its two marks.
func counted(readme []byte) ([]byte, error) {
	if !place.Match(readme) {
		return nil, errors.New(`README.md has no lines "<!-- counts: make generate -->" and "<!-- /counts -->"`)
	}
	roles := map[spec.Role]int{}
	for _, c := range catalog.Cases() {
		roles[c.Role] += max(1, len(c.Framings))
	}
	return place.ReplaceAll(readme, fmt.Appendf(nil,
		"${1}Version %s of the specification has %d clauses. %d cases cover them: %d for framers, %d for workers, %d for pools.\n"+
			"They ran on %d right implementations with one planted fault each, and caught each by the clause that it breaks;\n"+
			"and on %d controls, which are odd but right, and accused none.\n${2}",
		spec.Version, len(spec.Clauses()), roles[spec.RoleFramer]+roles[spec.RoleWorker]+roles[spec.RolePool],
		roles[spec.RoleFramer], roles[spec.RoleWorker], roles[spec.RolePool], len(catalog.Proven()), len(catalog.Controls()))), nil
}
