// Package spec has the clauses of SPEC.md, and the protocol's own words: roles, framings, frames, error kinds.
//
// It imports the standard library alone. clauses.go is generated from SPEC.md by make generate; package main in gen
// reads that text. Read SPEC.md next for what the clauses say, or internal/suite for how cases cite them.
package spec
