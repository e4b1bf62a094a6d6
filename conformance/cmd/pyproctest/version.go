package main

import (
	"fmt"
	"runtime/debug"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// version returns the versions of the build, the clauses and the vectors. A result depends on all three.
func version() string {
	text := report.Here().Version
	if info, ok := debug.ReadBuildInfo(); ok {
		text += commit(info)
	}
	text += fmt.Sprintf(", clauses version %s", spec.Version)
	if set, err := vectors.Load(); err == nil {
		text += ", vectors " + set.Version
	}
	return text
}

// commit returns the commit that a build from a source tree was made of. It is empty for a build of a published module,
// which its version names.
func commit(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	switch {
	case revision == "" && info.Main.Version != "" && info.Main.Version != "(devel)":
		return ""
	case revision == "":
		return " (of an unknown commit: go build in a clone stamps it)"
	}
	text := " (commit " + revision[:min(len(revision), 12)]
	if settings["vcs.modified"] == "true" {
		text += ", with changes"
	}
	return text + ")"
}
