// Package catalog lists the cases of the suite, and the faults that each clause is proven to catch.
//
// It imports the three packages of cases, internal/framer, internal/worker and internal/pool, and runs none of them. It
// imports result to name cases that did not run.
// The command pyproctest and package report use it. Package conformance runs the cases.
package catalog

import (
	"github.com/pyproctest/pyproctest/conformance/internal/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/pool"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/worker"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Case is a case of the suite and the role that it is for.
type Case struct {
	Role spec.Role
	suite.Info
}

// Cases returns every case of the suite: first those for framers, then for workers, then for pools.
func Cases() []Case {
	var all []Case
	for _, c := range framer.Cases() {
		all = append(all, Case{spec.RoleFramer, c.Info()})
	}
	for _, c := range worker.Cases() {
		all = append(all, Case{spec.RoleWorker, c.Info()})
	}
	for _, c := range pool.Cases() {
		all = append(all, Case{spec.RolePool, c.Info()})
	}
	return all
}

// Selected returns the IDs of the cases that a run for the role with these options would select, in the order of
// SPEC.md. It returns an error if an option can select nothing, or if a pattern matches no case of the role.
func Selected(role spec.Role, opts ...suite.Option) ([]string, error) {
	var all []suite.Info
	for _, c := range Cases() {
		if c.Role == role {
			all = append(all, c.Info)
		}
	}
	return suite.Selected(role, all, opts)
}

// Asked returns the cases that a run for the role asks for with this selection, in the order of SPEC.md. version is that of
// the clauses. It returns an error for a selection that is invalid.
func Asked(role spec.Role, version string, s result.Selection) ([]result.Missed, error) {
	ids, err := Selected(role, func(o *suite.Options) {
		o.Asked, o.Spec = s, version
		if len(s.Framings) > 0 {
			o.Framings = s.Framings
		}
	})
	if err != nil {
		return nil, err
	}
	clauses := map[string][]string{}
	for _, c := range Cases() {
		if c.Role != role {
			continue
		}
		for _, framing := range append(c.Framings, "") {
			clauses[c.ID(framing)] = c.Clauses
		}
	}
	var all []result.Missed
	for _, id := range ids {
		all = append(all, result.Missed{ID: id, Clauses: clauses[id]})
	}
	return all, nil
}
