package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// environment tells the benchmarks where the worker of their version is.
func environment(tree string) []string {
	return []string{"PYPROCTEST_PYTHON=" + python(), "PYPROCTEST_BENCH_PYWORKER=" + filepath.Join(tree, "pyworker")}
}

func python() string {
	if p := os.Getenv("PYPROCTEST_PYTHON"); p != "" {
		return p
	}
	return "python3"
}

// checkPython finds out early what would fail every job. The floor has its checksums from the same C
// library as the worker, so without it there is nothing to compare with.
func checkPython(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, python(), "-c", "import google_crc32c")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s cannot import google_crc32c, which the benchmarks need: %w; make bench sets it up, or set PYPROCTEST_PYTHON\n%s",
			python(), err, lastLines(string(out), 3))
	}
	return nil
}

// machine describes what the results were measured on. The cpu line is the testing package's own.
func machine() []benchfmt.Config {
	var config []benchfmt.Config
	add := func(key, value string) {
		if value != "" {
			config = append(config, benchfmt.Config{Key: key, Value: []byte(value), File: true})
		}
	}
	add("cores", fmt.Sprint(runtime.NumCPU()))
	add("kernel", output(exec.Command("uname", "-sr")))
	add("memory", totalMemory())
	add("go", runtime.Version())
	add("python", strings.TrimPrefix(output(exec.Command(python(), "--version")), "Python "))
	return config
}

// commitOf names the state of a work tree.
func commitOf(tree string) string {
	cmd := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12")
	cmd.Dir = tree
	return output(cmd)
}

func output(cmd *exec.Cmd) string {
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func totalMemory() string {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), "MemTotal:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// chosen are the jobs whose name has only in it.
func chosen(jobs []job, only string) []job {
	var some []job
	for _, j := range jobs {
		if strings.Contains(j.what+" "+string(j.placement), only) {
			some = append(some, j)
		}
	}
	return some
}
