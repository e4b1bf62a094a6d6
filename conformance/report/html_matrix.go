package report

import (
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// matrix compares the runs of one role.
type matrix struct {
	ID   string
	Role spec.Role
	Runs []pageRun
	Rows []matrixFamily
}

// Columns returns how many columns the table has.
func (m matrix) Columns() int { return len(m.Runs) + 1 }

type matrixFamily struct {
	family
	Rows []matrixRow
}

type matrixRow struct {
	spec.Clause
	Cells []pageClause
}

// States returns the states by which the page finds the row: those of all its cells.
func (r matrixRow) States() string {
	var states []string
	for _, c := range r.Cells {
		states = append(states, string(c.State))
	}
	return strings.Join(states, "|")
}

// Passes reports whether the page leaves the row out when it hides what passes.
func (r matrixRow) Passes() bool {
	return !slices.ContainsFunc(r.Cells, func(c pageClause) bool { return !c.Passes() })
}

// matrices returns one matrix for each role, if there is more than one run.
func (p *page) matrices() []matrix {
	if len(p.Runs) < 2 {
		return nil
	}
	var all []matrix
	for _, run := range p.Runs {
		i := slices.IndexFunc(all, func(m matrix) bool { return m.Role == run.Role })
		if i < 0 {
			i = len(all)
			all = append(all, matrix{ID: p.id("compare", string(run.Role)), Role: run.Role})
		}
		all[i].Runs = append(all[i].Runs, run)
	}
	for i := range all {
		m := &all[i]
		for f, fam := range m.Runs[0].Families {
			rows := matrixFamily{family: fam}
			for c, clause := range fam.Clauses {
				row := matrixRow{Clause: clause.Clause.Clause}
				for _, run := range m.Runs {
					row.Cells = append(row.Cells, run.Families[f].Clauses[c])
				}
				rows.Rows = append(rows.Rows, row)
			}
			m.Rows = append(m.Rows, rows)
		}
	}
	return all
}
