package main

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// version names the build, the clauses and the vectors, since a result is worth what these say.
func version() string {
	text := fmt.Sprintf("%s, clauses version %s", report.Here().Version, spec.Version)
	if set, err := vectors.Load(); err == nil {
		text += ", vectors " + set.Version
	}
	return text
}
