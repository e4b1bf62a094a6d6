package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func listCommand() *cobra.Command {
	var role string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [PATTERN...]",
		Short: "List the clauses and the cases that cover them",
		Long: `Lists the clauses of SPEC.md and the cases that cover them, for every role or for one.

A pattern names clauses (FRM-7, 'BPR-*') or cases ('FRM-7/enhanced-length-17*').`,
		Example: `  pyproctest list --role worker
  pyproctest list 'BPR-*'
  pyproctest list --json | jq '.cases[].id'`,
		RunE: func(c *cobra.Command, patterns []string) error {
			l, err := listing(spec.Role(role), patterns)
			if err != nil {
				return err
			}
			if asJSON {
				return l.json(c.OutOrStdout())
			}
			return l.text(c.OutOrStdout())
		},
		ValidArgsFunction: completeClauses,
	}
	c.Flags().StringVar(&role, "role", "", "only the clauses and cases for a framer, a worker or a pool")
	c.Flags().BoolVar(&asJSON, "json", false, "write one JSON document")
	completeWords(c, "role", roleWords()...)
	return c
}

// list is what the command lists, and its JSON.
type list struct {
	Version string       `json:"clauses_version"`
	Clauses []listClause `json:"clauses"`
	Cases   []listCase   `json:"cases"`
}

type listClause struct {
	Name       string      `json:"name"`
	Level      spec.Level  `json:"level"`
	Optional   bool        `json:"optional,omitempty"`
	Roles      []spec.Role `json:"roles"`
	Sentence   string      `json:"sentence"`
	Why        string      `json:"why,omitempty"`
	Untestable string      `json:"untestable,omitempty"`
}

type listCase struct {
	ID       string                `json:"id"`
	Role     spec.Role             `json:"role"`
	Clauses  []string              `json:"clauses"`
	Framings []conformance.Framing `json:"framings,omitempty"`
}

// listing returns the clauses and cases for the role that match one of the patterns.
func listing(role spec.Role, patterns []string) (list, error) {
	if role != "" && !slices.Contains(roleWords(), string(role)) {
		return list{}, fmt.Errorf("--role %s: give one of %s", role, strings.Join(roleWords(), ", "))
	}
	wanted := func(id string) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return result.Match(p, id) })
	}
	l := list{Version: spec.Version, Clauses: []listClause{}, Cases: []listCase{}}
	for _, c := range catalog.Cases() {
		if (role == "" || c.Role == role) && (wanted(c.ID("")) || slices.ContainsFunc(c.Clauses, wanted)) {
			l.Cases = append(l.Cases, listCase{c.ID(""), c.Role, c.Clauses, c.Framings})
		}
	}
	for _, c := range spec.Clauses() {
		ofCase := slices.ContainsFunc(l.Cases, func(k listCase) bool { return k.Clauses[0] == c.Name })
		if (role == "" || c.Binds(role)) && (wanted(c.Name) || ofCase) {
			l.Clauses = append(l.Clauses, listClause{c.Name, c.Level, c.Optional, c.Roles, c.Sentence, c.Why, c.Untestable})
		}
	}
	if len(l.Clauses) == 0 {
		return list{}, fmt.Errorf("nothing matches %s: name clauses like FRM-7 or 'BPR-*', and cases like FRM-7/enhanced-length-17", strings.Join(patterns, " "))
	}
	return l, nil
}

func (l list) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(l)
}

func (l list) text(w io.Writer) error {
	var b strings.Builder
	for _, c := range l.Clauses {
		fmt.Fprintf(&b, "%-7s %s\n        %s\n", c.Name, qualities(c), c.Sentence)
		if c.Untestable != "" {
			fmt.Fprintf(&b, "        No case: %s\n", c.Untestable)
		}
		for _, k := range l.Cases {
			if slices.Contains(k.Clauses, c.Name) {
				fmt.Fprintf(&b, "        %-6s %s\n", k.Role, k.ID)
			}
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s, %s, clauses version %s.\n", text.Plural(len(l.Clauses), "clause"), text.Plural(len(l.Cases), "case"), l.Version)
	_, err := io.WriteString(w, b.String())
	return err
}

// qualities returns how a clause binds, and whom.
func qualities(c listClause) string {
	words := string(c.Level)
	if c.Optional {
		words += ", where it is offered"
	}
	var roles []string
	for _, r := range c.Roles {
		roles = append(roles, string(r))
	}
	return words + "; " + strings.Join(roles, ", ")
}

func roleWords() []string {
	return []string{string(spec.RoleFramer), string(spec.RoleWorker), string(spec.RolePool)}
}
