package report

import (
	"slices"

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
