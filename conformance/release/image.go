package main

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An instruction is one line of a container file, with lines that go on joined.
type instruction struct{ name, rest string }

// instructions reads a container file. It returns an error for what standIn does not know.
func instructions(text string) ([]instruction, error) {
	var all []instruction
	joined := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if joined == "" && (line == "" || strings.HasPrefix(line, "#")) {
			continue
		}
		if goesOn, ok := strings.CutSuffix(line, `\`); ok {
			joined += goesOn
			continue
		}
		name, rest, _ := strings.Cut(joined+line, " ")
		joined = ""
		if !slices.Contains([]string{"FROM", "ARG", "COPY", "RUN", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}, name) {
			return nil, fmt.Errorf("line %d: %s is not known here: teach it to image.go", n, name)
		}
		all = append(all, instruction{name, strings.TrimSpace(rest)})
	}
	return all, lines.Err()
}

// standIn returns a script that does what the instructions say within a root that is its own to change, as root, and then runs
// the entry point with the arguments. The base is whatever that root has: FROM and USER have no effect.
func standIn(all []instruction, context, arch, arguments string) (string, error) {
	script := []string{"set -e"}
	entry := ""
	for _, i := range all {
		rest := strings.ReplaceAll(i.rest, "${TARGETARCH}", arch)
		switch i.name {
		case "COPY":
			words := strings.Fields(rest)
			if len(words) < 2 || strings.HasPrefix(words[0], "--") || !strings.HasPrefix(words[len(words)-1], "/") {
				return "", fmt.Errorf("COPY %s: give files of the context and an absolute place", rest)
			}
			to := words[len(words)-1]
			if strings.HasSuffix(to, "/") {
				script = append(script, "mkdir -p "+to)
			}
			for _, from := range words[:len(words)-1] {
				script = append(script, fmt.Sprintf("cp %s/%s %s", context, from, to))
			}
		case "RUN":
			script = append(script, rest)
		case "WORKDIR":
			script = append(script, "mkdir -p "+rest, "cd "+rest)
		case "ENTRYPOINT":
			m := regexp.MustCompile(`^\["([^"]+)"\]$`).FindStringSubmatch(rest)
			if m == nil {
				return "", fmt.Errorf(`ENTRYPOINT %s: give it as ["program"]`, rest)
			}
			entry = m[1]
		}
	}
	if entry == "" {
		return "", fmt.Errorf("there is no ENTRYPOINT")
	}
	return strings.Join(append(script, entry+" "+arguments), "\n") + "\n", nil
}
