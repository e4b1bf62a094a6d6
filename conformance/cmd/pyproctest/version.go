package main

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// version returns the versions of the build, the clauses and the vectors. A result depends on all three.
func version() string {
	text := fmt.Sprintf("%s, clauses version %s", report.Here().Version, spec.Version)
	if set, err := vectors.Load(); err == nil {
		text += ", vectors " + set.Version
	}
	return text
}
