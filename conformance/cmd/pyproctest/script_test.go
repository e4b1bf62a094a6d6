package main

import (
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
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("WORKER", "python3 "+filepath.Join(root, "pyworker", "conformance_worker.py"))
			return keepToolchains(e)
		},
		Condition: func(name string) (bool, error) {
			if program, ok := strings.CutPrefix(name, "program:"); ok {
				_, err := exec.LookPath(program)
				return err == nil, nil
			}
			return false, os.ErrInvalid
		},
		Cmds: commands,
	})
}

// keepToolchains gives the scripts, whose home is elsewhere, what compilers and interpreters keep at home.
func keepToolchains(e *testscript.Env) error {
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOFLAGS").Output()
	if err != nil {
		return err
	}
	for i, name := range []string{"GOMODCACHE", "GOCACHE", "GOPROXY", "GOFLAGS"} {
		e.Setenv(name, strings.Split(string(out), "\n")[i])
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	for _, variable := range os.Environ() { // such as where a version manager keeps its interpreters
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(value, home) && name != "HOME" && name != "PWD" && e.Getenv(name) == "" {
			e.Setenv(name, value)
		}
	}
	return nil
}
