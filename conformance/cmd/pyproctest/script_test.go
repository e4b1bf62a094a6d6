package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run the command as a person would: this test program once more, under the name pyproctest.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pyproctest": main})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	kept := toolchains(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for name, value := range kept {
				e.Setenv(name, value)
			}
			e.Setenv("TMPDIR", os.TempDir()) // the script's own would make the paths of sockets too long
			e.Setenv("ROOT", root)
			e.Setenv("SHARD", "1/6")
			if toolchainsRequired() {
				e.Setenv("SHARD", "1/1")
			}
			e.Setenv("WORKER", "python3 "+filepath.Join(root, "pyworker", "conformance_worker.py"))
			return nil
		},
		// As for conformance/implementations, where `make implementations` sets this: every toolchain must be there, and whole runs.
		Condition: func(name string) (bool, error) {
			required := toolchainsRequired()
			if name == "required" {
				return required, nil
			}
			if program, ok := strings.CutPrefix(name, "program:"); ok {
				_, err := exec.LookPath(program)
				if err != nil && required {
					return false, fmt.Errorf("NOT RUN: %w, and PYPROCTEST_TOOLCHAINS=required", err)
				}
				return err == nil, nil
			}
			return false, os.ErrInvalid
		},
		Cmds: commands,
	})
}

func toolchainsRequired() bool { return os.Getenv("PYPROCTEST_TOOLCHAINS") == "required" }

// toolchains is the environment by which compilers and interpreters find what they keep at home, which for the
// scripts is elsewhere.
func toolchains(t *testing.T) map[string]string {
	t.Helper()
	kept := map[string]string{}
	names := []string{"GOMODCACHE", "GOCACHE", "GOPROXY", "GOFLAGS"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		kept[name] = strings.Split(string(out), "\n")[i]
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	kept["RUSTUP_HOME"] = cmp.Or(os.Getenv("RUSTUP_HOME"), filepath.Join(home, ".rustup"))
	for _, variable := range os.Environ() { // such as where a version manager keeps its interpreters
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(value, home) && name != "HOME" && name != "PWD" && name != "PATH" {
			kept[name] = value
		}
	}
	return kept
}
