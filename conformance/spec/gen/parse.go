package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

var (
	clauseLine = regexp.MustCompile(`^- \*\*([A-Z]{3}-[1-9][0-9]*)\*\* \((MUST|SHOULD)(, optional)?; ([a-z, ]+)(?:; since ([2-9]))?\) (.+)$`)
	remarkLine = regexp.MustCompile(`^  \*(Why|Untestable):\* (.+)$`)
	changeLine = regexp.MustCompile(`^- \*\*([A-Z]{3}-[1-9][0-9]*)\*\* \(changed in ([2-9])\) (.+)$`)
)

// parse reads the clauses out of the text of SPEC.md. It returns an error for a line that looks like a clause and is
// not well-formed, so that a typing error cannot drop a rule in silence.
func parse(text string) ([]spec.Clause, error) {
	var clauses []spec.Clause
	for i, line := range strings.Split(text, "\n") {
		if m := changeLine.FindStringSubmatch(line); m != nil {
			n := slices.IndexFunc(clauses, func(c spec.Clause) bool { return c.Name == m[1] })
			version := int(m[2][0] - '0')
			if n < 0 || version <= clauses[n].Since {
				return nil, fmt.Errorf("SPEC.md:%d: no clause %s was there before version %d", i+1, m[1], version)
			}
			clauses[n].Changes = append(clauses[n].Changes, spec.Change{Version: version, What: m[3]})
			continue
		}
		if m := clauseLine.FindStringSubmatch(line); m != nil {
			c := spec.Clause{Name: m[1], Level: spec.Level(m[2]), Optional: m[3] != "", Since: 1, Sentence: m[6]}
			if m[5] != "" {
				c.Since = int(m[5][0] - '0')
			}
			for role := range strings.SplitSeq(m[4], ", ") {
				switch r := spec.Role(role); r {
				case spec.RoleFramer, spec.RoleWorker, spec.RolePool:
					c.Roles = append(c.Roles, r)
				default:
					return nil, fmt.Errorf("SPEC.md:%d: clause %s binds %q, which is not a role", i+1, c.Name, role)
				}
			}
			if slices.ContainsFunc(clauses, func(o spec.Clause) bool { return o.Name == c.Name }) {
				return nil, fmt.Errorf("SPEC.md:%d: clause %s is defined twice", i+1, c.Name)
			}
			clauses = append(clauses, c)
			continue
		}
		if strings.HasPrefix(line, "- **") && !strings.HasPrefix(line, "- **E") {
			return nil, fmt.Errorf("SPEC.md:%d: %q is not a well-formed clause", i+1, line)
		}
		if m := remarkLine.FindStringSubmatch(line); m != nil && len(clauses) > 0 {
			last := &clauses[len(clauses)-1]
			if m[1] == "Why" {
				last.Why = m[2]
			} else {
				last.Untestable = m[2]
			}
		}
	}
	return clauses, nil
}
