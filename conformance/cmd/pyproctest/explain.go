package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CLAUSE|CASE...",
		Short: "Explain a clause: its reason, its cases, and bytes that show it",
		Long: `Explains clauses: the reason, the cases and bytes that show it. A name may be a pattern, such
as 'BPR-*', which stands for all clauses that it matches. For a case, it explains that case.`,
		Example: `  pyproctest explain FRM-7
  pyproctest explain 'BPR-*'
  pyproctest explain MSG-5/ids-of-64-bits-come-back`,
		ValidArgsFunction: completeClauses,
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				return errors.New("name a clause such as FRM-7: pyproctest list shows all of them")
			}
			set, err := vectors.Load()
			if err != nil {
				return err
			}
			names, err = expand(names)
			if err != nil {
				return err
			}
			for i, name := range names {
				text, err := explain(name, set)
				if err != nil {
					return err
				}
				if i > 0 {
					text = "\n" + text
				}
				if _, err := io.WriteString(c.OutOrStdout(), text); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// expand replaces each pattern by the names of the clauses that it matches, and returns an error for a name of none.
func expand(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		clause, rest, isCase := strings.Cut(name, "/")
		clause = strings.ToUpper(clause)
		if _, err := path.Match(clause, ""); err != nil {
			return nil, fmt.Errorf("%q is no pattern: %w", name, err)
		}
		before := len(all)
		for _, c := range spec.Clauses() {
			if ok, _ := path.Match(clause, c.Name); !ok {
				continue
			}
			matched := c.Name
			if isCase {
				matched += "/" + rest
			}
			all = append(all, matched)
		}
		switch found := len(all) - before; {
		case found == 0:
			return nil, unknownClause(name, clause)
		case found > 1 && isCase:
			return nil, fmt.Errorf("%s: give a case with the name of its clause; pyproctest list '%s' shows the cases", name, clause)
		}
	}
	return all, nil
}

// unknownClause returns the error for a name of no clause, with the names that it may stand for.
func unknownClause(name, clause string) error {
	if strings.ContainsAny(clause, `*?[\`) {
		return fmt.Errorf("%s matches no clause: pyproctest list shows all of them", name)
	}
	family, number, _ := strings.Cut(clause, "-")
	if family == clause { // FRM7, or a word
		family = strings.TrimRight(clause, "0123456789")
		number = clause[len(family):]
	}
	var near []string
	nearest := 2 // edits; more are no slip
	for _, c := range spec.Clauses() {
		switch edits := distance(family+"-"+number, c.Name); {
		case edits < nearest:
			near, nearest = []string{c.Name}, edits
		case edits == nearest:
			near = append(near, c.Name)
		}
	}
	last := ""
	for _, c := range spec.Clauses() {
		if strings.HasPrefix(c.Name, family+"-") {
			last = c.Name
		}
	}
	switch {
	case last != "" && nearest > 0:
		return fmt.Errorf("there is no clause %s: do you mean one of '%s-*', the last of which is %s? pyproctest list shows all clauses", name, family, last)
	case len(near) > 0:
		return fmt.Errorf("there is no clause %s: do you mean %s? pyproctest list shows all clauses", name, strings.Join(near[:min(len(near), 5)], ", "))
	}
	return fmt.Errorf("there is no clause %s: pyproctest list shows all of them", name)
}

// distance returns how many letters must be added, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// explain describes a clause with its cases. For the name of a case it describes that case and its clause.
func explain(name string, set vectors.Set) (string, error) {
	clauseName, caseName, _ := strings.Cut(name, "/")
	clause, ok := spec.LookUp(strings.ToUpper(clauseName))
	if !ok {
		return "", fmt.Errorf("there is no clause %s: pyproctest list shows all of them", clauseName)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n  %s\n", clause.Name,
		qualities(listClause{Level: clause.Level, Optional: clause.Optional, Roles: clause.Roles}), clause.Sentence)
	if clause.Why != "" {
		fmt.Fprintf(&b, "\nWhy:\n  %s\n", clause.Why)
	}
	for _, change := range clause.Changes {
		fmt.Fprintf(&b, "\nChanged in version %d:\n  %s\n", change.Version, change.What)
	}
	if clause.Untestable != "" {
		fmt.Fprintf(&b, "\nNo case covers it:\n  %s\n", clause.Untestable)
		return b.String(), nil
	}
	cases := casesFor(clause.Name, caseName)
	if len(cases) == 0 && caseName == "" {
		fmt.Fprintf(&b, "\nNo case covers it.\n")
		return b.String(), nil
	}
	if len(cases) == 0 {
		return "", unknownCase(name, clause.Name, caseName)
	}
	fmt.Fprintf(&b, "\nCases:\n")
	for i, c := range cases {
		fmt.Fprintf(&b, "  %-6s %s%s\n", c.Role, c.ID(""), inFramings(c.Framings))
		if next := i + 1; c.Cause != "" && (next == len(cases) || cases[next].Cause != c.Cause) {
			fmt.Fprintf(&b, "         What usually breaks: %s\n", c.Cause)
		}
	}
	writeVector(&b, clause.Name, set)
	only := clause.Name
	if caseName != "" {
		only = cases[0].ID("")
	}
	fmt.Fprintf(&b, "\nTo run it:\n  pyproctest run --%s CMD --clause %s\n", cases[0].Role, only)
	return b.String(), nil
}

// unknownCase returns the error for a case that the clause does not have, with the nearest one.
func unknownCase(name, clause, caseName string) error {
	caseName, _, _ = strings.Cut(caseName, "/")
	nearest, best := "", max(3, len(caseName)/2)
	for _, c := range casesFor(clause, "") {
		if edits := distance(caseName, c.Name); c.Clauses[0] == clause && edits < best {
			nearest, best = c.ID(""), edits
		}
	}
	if nearest != "" {
		return fmt.Errorf("there is no case %s: do you mean %s? pyproctest list %s shows all of them", name, nearest, clause)
	}
	return fmt.Errorf("there is no case %s: pyproctest list %s shows all of them", name, clause)
}

// casesFor returns the cases that cover the clause, or the one of that name. Cases that are named after the clause come
// first.
func casesFor(clause, name string) []catalog.Case {
	name, _, _ = strings.Cut(name, "/") // without a framing at its end
	var own, others []catalog.Case
	for _, c := range catalog.Cases() {
		switch {
		case name != "" && (c.Clauses[0] != clause || c.Name != name):
		case c.Clauses[0] == clause:
			own = append(own, c)
		case slices.Contains(c.Clauses, clause):
			others = append(others, c)
		}
	}
	return append(own, others...)
}

func inFramings(framings []conformance.Framing) string {
	if len(framings) == 1 {
		return fmt.Sprintf(" (%s framing only)", framings[0])
	}
	return ""
}

// writeVector shows one vector of the clause and says how many more there are.
func writeVector(b *strings.Builder, clause string, set vectors.Set) {
	var frames []vectors.FrameVector
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		if v.Clause == clause {
			frames = append(frames, v)
		}
	}
	var messages []vectors.MessageVector
	for _, v := range set.Messages {
		if v.Clause == clause {
			messages = append(messages, v)
		}
	}
	switch {
	case len(frames) > 0:
		writeFrames(b, slices.MaxFunc(frames, func(a, b vectors.FrameVector) int { return clarity(a.Bytes, !a.Valid()) - clarity(b.Bytes, !b.Valid()) }))
	case len(messages) > 0:
		writeMessage(b, slices.MaxFunc(messages, func(a, b vectors.MessageVector) int { return clarity(a.Bytes, false) - clarity(b.Bytes, false) }))
	default:
		return
	}
	if more := len(frames) + len(messages) - 1; more > 0 {
		fmt.Fprintf(b, "  %s more of this clause: pyproctest vectors writes them.\n", text.Plural(more, "vector"))
	}
}

// clarity scores how much a vector shows at a glance. A refused one scores more than an accepted one, and more bytes
// score more as long as they fit on a few rows.
func clarity(data []byte, refused bool) int {
	const few = 64
	score := min(len(data), few)
	if len(data) > few {
		score = few - len(data)
	}
	if refused {
		score += few
	}
	return score
}

// writeFrames shows a vector of frames and what a receiver does with them.
func writeFrames(b *strings.Builder, v vectors.FrameVector) {
	fmt.Fprintf(b, "\nA vector, %s, with payloads of at most %d bytes: %s\n", v.TcID, v.MaxPayload, v.Comment)
	inspector, err := inspect.NewStream(inspect.Options{
		Framing: conformance.Framing(v.Framing), MaxPayload: int(v.MaxPayload), Sender: spec.RolePool,
	})
	if err != nil {
		return // the limits of vectors are valid, so this cannot happen
	}
	for _, f := range append(inspector.Write(v.Bytes), inspector.End()...) {
		f.Violations = slices.DeleteFunc(f.Violations, func(w inspect.Violation) bool { return w.Kind == "" }) // leave out those of the message: the vector is about frames
		b.WriteString(text.Indent(f.Dump(24), "  "))
	}
	took := text.Plural(len(v.Frames), "frame")
	if v.Valid() {
		fmt.Fprintf(b, "  A receiver reads %s and then a clean end.\n", took)
	} else {
		fmt.Fprintf(b, "  A receiver reads %s and refuses the rest as %s, known after %d bytes.\n", took, v.Error, v.DecidedAt)
	}
}

// writeMessage shows a vector of a message and what its receiver does with it.
func writeMessage(b *strings.Builder, v vectors.MessageVector) {
	fmt.Fprintf(b, "\nA vector, %s: %s\n", v.TcID, v.Comment)
	text := string(v.Bytes)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
		text = "hex " + hex.EncodeToString(v.Bytes)
	}
	const most = 400
	if len(text) > most {
		text = fmt.Sprintf("%s… (%d bytes)", text[:most], len(v.Bytes))
	}
	fmt.Fprintf(b, "  payload: %s\n", text)
	if slices.Contains(v.Framings, vectors.Enhanced) {
		fmt.Fprintf(b, "  sent under ID %d in the header\n", v.HeaderID)
	}
	fmt.Fprintf(b, "  A %s reads it as %s.\n", v.Receiver, meaning[v.Outcome])
}

var meaning = map[vectors.Outcome]string{
	vectors.OutcomeRequest:      "a request, which it runs and answers",
	vectors.OutcomeCancellation: "a cancellation, which it never answers itself",
	vectors.OutcomeErrorAnswer:  "something that cannot be run: it sends an error answer, and the connection goes on",
	vectors.OutcomeIgnored:      "something to ignore: it sends no answer, and the connection goes on",
	vectors.OutcomeResponse:     "a response, for the caller with its ID",
	vectors.OutcomeUnreadable:   "an answer that cannot be read: the calls of the connection fail",
	vectors.OutcomeViolation:    "a violation: the connection ends, nothing runs and nothing is delivered",
}
