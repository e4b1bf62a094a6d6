package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABuildFromSourceSaysItsCommit(t *testing.T) {
	for want, info := range map[string]debug.BuildInfo{
		"": {Main: debug.Module{Version: "v0.1.0"}}, // go install of a published version
		" (commit 0123456789ab)": {
			Main:     debug.Module{Version: "v0.1.0"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "false"}},
		},
		" (commit 0123456789ab, with changes)": {
			Main:     debug.Module{Version: "v0.1.1-0.20261130000000-0123456789ab+dirty"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
		},
		" (of an unknown commit: go build in a clone stamps it)": {Main: debug.Module{Version: "(devel)"}},
	} {
		require.Equal(t, want, commit(&info), info.Main.Version)
	}
}

// The whole way, with the version control that is here.
func TestABuildInACloneSaysTheCommitThatIsCheckedOut(t *testing.T) {
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if info, statErr := os.Stat("../../../.git"); err != nil || statErr != nil || !info.IsDir() {
		t.Skip("NOT RUN: Go stamps builds in a clone alone, not in an unpacked archive or a further work tree")
	}
	program := filepath.Join(t.TempDir(), "pyproctest")
	out, err := exec.Command("go", "build", "-buildvcs=true", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command(program, "--version").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), " (commit "+strings.TrimSpace(string(head))[:12])
	require.Regexp(t, `, clauses version \d+, vectors \d+\.\d+\n$`, string(out))
}
