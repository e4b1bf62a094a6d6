package main

import (
	"fmt"
	"runtime/debug"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/vectors"
)

// version names the build, the clauses and the vectors, since a result is worth what these say.
func version() string {
	module := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		module = info.Main.Version
	}
	text := fmt.Sprintf("%s, clauses version %s", module, conformance.SpecVersion)
	if set, err := vectors.Load(); err == nil {
		text += ", vectors " + set.Version
	}
	return text
}
