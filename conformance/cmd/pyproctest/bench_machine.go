package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/peer"
)

// machineConfig describes what the results were measured on. What the system does not tell is left out.
func machineConfig() []benchfmt.Config {
	var config []benchfmt.Config
	add := func(key, value string) {
		if value = strings.TrimSpace(value); value != "" {
			config = append(config, benchfmt.Config{Key: key, Value: []byte(value), File: true})
		}
	}
	add("goos", runtime.GOOS)
	add("goarch", runtime.GOARCH)
	add("cpu", infoLine("/proc/cpuinfo", "model name"))
	add("cores", fmt.Sprint(runtime.NumCPU()))
	add("kernel", outputOf("uname", "-sr"))
	add("memory", infoLine("/proc/meminfo", "MemTotal"))
	add("go", runtime.Version())
	add("python", strings.TrimPrefix(outputOf(peer.Python(), "--version"), "Python "))
	return config
}

// infoLine is the value of a line "name : value" of a file in /proc.
func infoLine(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return value
		}
	}
	return ""
}

func outputOf(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}
