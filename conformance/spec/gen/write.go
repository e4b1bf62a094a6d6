package main

import (
	"fmt"
	"go/format"
	"regexp"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

var versionLine = regexp.MustCompile(`(?m)^Version ([1-9][0-9]*),`)

// clausesFile returns the Go file that has the version and the clauses of SPEC.md.
func clausesFile(text string) ([]byte, error) {
	version := versionLine.FindStringSubmatch(text)
	if version == nil {
		return nil, fmt.Errorf("SPEC.md: no line begins with \"Version N,\"")
	}
	clauses, err := parse(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("// Code generated from SPEC.md by make generate. DO NOT EDIT.\n\npackage spec\n\n")
	fmt.Fprintf(&b, "// Version names the set of clauses that a report is about. SPEC.md says when it changes.\nconst Version = %q\n\n", version[1])
	b.WriteString("var clauses = []Clause{\n")
	for _, c := range clauses {
		writeClause(&b, c)
	}
	b.WriteString("}\n")
	return format.Source([]byte(b.String()))
}

func writeClause(b *strings.Builder, c spec.Clause) {
	fmt.Fprintf(b, "\t{\n\t\tName: %q, Level: %s, ", c.Name, map[spec.Level]string{spec.Must: "Must", spec.Should: "Should"}[c.Level])
	if c.Optional {
		b.WriteString("Optional: true, ")
	}
	fmt.Fprintf(b, "Since: %d, ", c.Since)
	var roles []string
	for _, r := range c.Roles {
		roles = append(roles, map[spec.Role]string{spec.RoleFramer: "RoleFramer", spec.RoleWorker: "RoleWorker", spec.RolePool: "RolePool"}[r])
	}
	fmt.Fprintf(b, "Roles: []Role{%s},\n\t\tSentence: %q,\n", strings.Join(roles, ", "), c.Sentence)
	if c.Why != "" {
		fmt.Fprintf(b, "\t\tWhy: %q,\n", c.Why)
	}
	if c.Untestable != "" {
		fmt.Fprintf(b, "\t\tUntestable: %q,\n", c.Untestable)
	}
	if len(c.Changes) > 0 {
		b.WriteString("\t\tChanges: []Change{\n")
		for _, change := range c.Changes {
			fmt.Fprintf(b, "\t\t\t{Version: %d, What: %q},\n", change.Version, change.What)
		}
		b.WriteString("\t\t},\n")
	}
	b.WriteString("\t},\n")
}
