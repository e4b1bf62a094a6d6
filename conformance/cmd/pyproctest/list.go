package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func listCommand() *cobra.Command {
	var role, since string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [PATTERN...]",
		Short: "List the clauses and the cases that cover them",
		Long: `Lists the clauses of SPEC.md and the cases that cover them, for every role or for one.

A pattern names clauses (FRM-7, 'BPR-*') or cases ('FRM-7/enhanced-length-17*').

--since N lists what versions after N of the specification brought: clauses that are new, and
clauses that say something else. No clause is ever removed. "pyproctest run --spec N" judges by
the clauses of version N.`,
		Example: `  pyproctest list --role worker
  pyproctest list 'BPR-*'
  pyproctest list --since 2 --role pool
  pyproctest list --json | jq '.cases[].id'`,
		RunE: func(c *cobra.Command, patterns []string) error {
			l, err := listing(spec.Role(role), patterns)
			if err == nil && c.Flags().Changed("since") {
				err = l.keepSince(since)
			}
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
	c.Flags().StringVar(&since, "since", "", "only the clauses that came or changed after this version of SPEC.md, and their cases")
	c.Flags().BoolVar(&asJSON, "json", false, "write one JSON document")
	completeWords(c, "role", roleWords()...)
	completeWords(c, "since", spec.Versions()...)
	return c
}

// list is what the command lists, and its JSON.
type list struct {
	Version string       `json:"clauses_version"`
	After   string       `json:"after_version,omitempty"` // only what came or changed after it is listed
	Clauses []listClause `json:"clauses"`
	Cases   []listCase   `json:"cases"`

	after int // After as a number; 0 without one
}

type listClause struct {
	Name       string         `json:"name"`
	Level      spec.Level     `json:"level"`
	Optional   bool           `json:"optional,omitempty"`
	Roles      []spec.Role    `json:"roles"`
	Sentence   string         `json:"sentence"`
	Why        string         `json:"why,omitempty"`
	Untestable string         `json:"untestable,omitempty"`
	Since      int            `json:"since"`
	Changes    []clauseChange `json:"changes,omitempty"` // with --since, only those after that version
}

type clauseChange struct {
	Version int    `json:"version"`
	What    string `json:"what"`
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
			l.Clauses = append(l.Clauses, listClause{c.Name, c.Level, c.Optional, c.Roles, c.Sentence, c.Why, c.Untestable, c.Since, changes(c.Changes)})
		}
	}
	if len(l.Clauses) == 0 {
		return list{}, fmt.Errorf("nothing matches %s: name clauses like FRM-7 or 'BPR-*', and cases like FRM-7/enhanced-length-17", strings.Join(patterns, " "))
	}
	return l, nil
}

// keepSince keeps the clauses that came or changed after the version, and the cases that cover them.
func (l *list) keepSince(version string) error {
	if !slices.Contains(spec.Versions(), version) {
		return fmt.Errorf("--since %s: give one of the versions of SPEC.md: %s", version, strings.Join(spec.Versions(), ", "))
	}
	n, err := strconv.Atoi(version)
	if err != nil {
		return err
	}
	l.After, l.after = version, n
	kept := map[string]bool{}
	l.Clauses = slices.DeleteFunc(l.Clauses, func(c listClause) bool {
		clause, _ := spec.LookUp(c.Name)
		kept[c.Name] = c.Since > n || len(clause.ChangedSince(n)) > 0
		return !kept[c.Name]
	})
	for i, c := range l.Clauses {
		clause, _ := spec.LookUp(c.Name)
		l.Clauses[i].Changes = changes(clause.ChangedSince(n))
	}
	l.Cases = slices.DeleteFunc(l.Cases, func(c listCase) bool {
		return !slices.ContainsFunc(c.Clauses, func(name string) bool { return kept[name] })
	})
	return nil
}

func changes(of []spec.Change) []clauseChange {
	var all []clauseChange
	for _, c := range of {
		all = append(all, clauseChange(c))
	}
	return all
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
		if l.After != "" && c.Since > l.after {
			fmt.Fprintf(&b, "        Came with version %d.\n", c.Since)
		}
		for _, change := range c.Changes {
			fmt.Fprintf(&b, "        Changed in version %d: %s\n", change.Version, change.What)
		}
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
	if l.After != "" {
		came := 0
		for _, c := range l.Clauses {
			if c.Since > l.after {
				came++
			}
		}
		fmt.Fprintf(&b, "After version %s: %s came, %d changed.\n", l.After, text.Plural(came, "clause"), len(l.Clauses)-came)
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
