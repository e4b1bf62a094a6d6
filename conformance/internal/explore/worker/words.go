package worker

import (
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Describe implements [explore.Subject].
func (s *Subject) Describe(step explore.Step) string {
	var b strings.Builder
	switch step.Do {
	case "connect":
		return fmt.Sprintf("%s connects, %s", step.Conn, step.Framing)
	case "settle":
		return "settle: all that must come has come"
	case "signal":
		return "the worker is sent " + step.How
	case "churn":
		return fmt.Sprintf("%d connections are opened and end, their frames %s", step.Count, step.How)
	case "half-close":
		return step.Conn + " closes its sending half"
	case "close":
		return step.Conn + " is closed by its caller"
	case "read-stop":
		return step.Conn + ": the caller stops reading"
	case "read-go":
		return step.Conn + ": the caller reads again"
	case "request":
		fmt.Fprintf(&b, "%s → `%s`", step.Conn, step.Method)
		switch {
		case step.Size > 0 && step.Method != "echo" && step.Method != "fail":
			fmt.Fprintf(&b, ", its name longer by %d letters", step.Size)
		case step.Size > 0:
			fmt.Fprintf(&b, ", a string of %d letters", step.Size)
		case step.Body == `{"ms":3600000}` && step.Method == "sleep":
			b.WriteString(" for an hour")
		case step.Body != "":
			b.WriteString(" " + text.Clip(step.Body, 60))
		}
		fmt.Fprintf(&b, ", ID %s", step.ID)
		if step.Envelope {
			b.WriteString(", in an envelope")
		}
		if step.More != "" {
			b.WriteString(", with " + text.Clip(step.More, 60))
		}
	case "cancel":
		fmt.Fprintf(&b, "%s → cancellation of ID %s", step.Conn, step.ID)
		if step.Header != "" {
			fmt.Fprintf(&b, ", ID %s in the header", step.Header)
		}
	case "message":
		payload := step.Text
		if step.Hex != "" {
			data, _ := hex.DecodeString(step.Hex)
			payload = text.Printable(data)
		}
		fmt.Fprintf(&b, "%s → under the header ID %s: %s", step.Conn, step.ID, text.Clip(payload, 90))
	case "bytes":
		fmt.Fprintf(&b, "%s → %s as they are", step.Conn, text.Plural(len(step.Hex)/2, "byte"))
	default:
		return step.Do
	}
	if step.From != "" {
		fmt.Fprintf(&b, " (vector %s)", step.From)
	}
	if len(step.Cut) > 0 {
		fmt.Fprintf(&b, ", cut at %v", step.Cut)
	}
	if step.Hold {
		b.WriteString(", together with what follows")
	}
	return b.String()
}

// Bytes implements [explore.Subject].
func (s *Subject) Bytes(h explore.History, step explore.Step) ([]byte, spec.Framing) {
	framing := spec.Enhanced
	for _, o := range h.Steps {
		if o.Do == "connect" && o.Conn == step.Conn && o.Framing != "" {
			framing = o.Framing
		}
	}
	return Bytes(step, framing), framing
}

// Simpler implements [explore.Subject].
func (s *Subject) Simpler(h explore.History) iter.Seq[explore.History] {
	return func(yield func(explore.History) bool) {
		for i := range h.Steps {
			for _, change := range simpler(h.Steps[i]) {
				c := h.Clone()
				c.Steps[i] = change
				if !yield(c) {
					return
				}
			}
		}
		for _, c := range otherIDs(h) {
			if !yield(c) {
				return
			}
		}
		for i, step := range h.Steps { // a connection in the plainer framing
			if step.Do == "connect" && step.Framing == spec.Basic && slices.Contains(s.Framings, spec.Enhanced) {
				c := h.Clone()
				c.Steps[i].Framing = spec.Enhanced
				if !yield(c) {
					return
				}
			}
		}
	}
}

// simpler returns the step with one value simpler.
func simpler(step explore.Step) (all []explore.Step) {
	change := func(does bool, f func(*explore.Step)) {
		if does {
			c := step
			c.Cut = slices.Clone(step.Cut)
			f(&c)
			all = append(all, c)
		}
	}
	change(step.Hold, func(c *explore.Step) { c.Hold = false })
	change(len(step.Cut) > 0, func(c *explore.Step) { c.Cut = nil })
	change(len(step.Cut) > 1, func(c *explore.Step) { c.Cut = c.Cut[:1] })
	change(len(step.Cut) > 1, func(c *explore.Step) { c.Cut = c.Cut[1:] })
	change(step.Envelope, func(c *explore.Step) { c.Envelope = false })
	change(step.More != "", func(c *explore.Step) { c.More = "" })
	change(step.Size > 1, func(c *explore.Step) {
		if c.Size, c.Body = 0, "1"; c.Method == "fail" {
			c.Body = `{"message":"x"}`
		}
	})
	change(step.Size > 1, func(c *explore.Step) { c.Size /= 2 })
	change(step.Size > 64, func(c *explore.Step) { c.Size -= step.Size / 16 })
	change(step.Do == "cancel" && step.Text != "", func(c *explore.Step) { c.Text = "" })
	if first, _, both := strings.Cut(step.How, ", then "); both && step.Do == "signal" {
		change(true, func(c *explore.Step) { c.How = first })
	}
	change(step.Do == "signal" && step.How != "SIGTERM", func(c *explore.Step) { c.How = "SIGTERM" })
	if step.Do == "request" {
		change(step.Method != "echo", func(c *explore.Step) { c.Method, c.Body = "echo", "1" })
		for _, body := range simplerBodies(step.Body) {
			change(step.Method == "echo" && step.Size == 0, func(c *explore.Step) { c.Body = body })
		}
	}
	return all
}

// simplerBodies returns JSON texts that are simpler than the text.
func simplerBodies(body string) (all []string) {
	if body != "1" && body != "" {
		all = append(all, "1")
	}
	trimmed := strings.TrimSpace(body)
	if len(trimmed) > 2 && (trimmed[0] == '[' || trimmed[0] == '{') {
		all = append(all, trimmed[1:len(trimmed)-1]) // an array's only element
		if _, value, ok := strings.Cut(trimmed, ":"); ok && trimmed[0] == '{' {
			all = append(all, strings.TrimSuffix(value, "}"))
		}
		for i, c := range trimmed {
			if c == ',' {
				all = append(all, trimmed[:1]+trimmed[i+1:], trimmed[:i]+trimmed[len(trimmed)-1:])
			}
		}
	}
	return slices.DeleteFunc(all, func(text string) bool { return !valid(text) })
}

// otherIDs returns histories in which one ID is replaced everywhere by the smallest that is not used.
func otherIDs(h explore.History) (all []explore.History) {
	var used []string
	for _, s := range h.Steps {
		for _, id := range []string{s.ID, s.Header} {
			if id != "" && !slices.Contains(used, id) {
				used = append(used, id)
			}
		}
	}
	free := 1
	for slices.Contains(used, fmt.Sprint(free)) {
		free++
	}
	for _, id := range used {
		if len(id) <= len(fmt.Sprint(free)) {
			continue
		}
		c := h.Clone()
		for i := range c.Steps {
			s := &c.Steps[i]
			if s.ID == id {
				s.ID = fmt.Sprint(free)
			}
			if s.Header == id {
				s.Header = fmt.Sprint(free)
			}
			if s.Do == "message" && s.Hex == "" {
				s.Text = strings.ReplaceAll(s.Text, id, fmt.Sprint(free))
			}
		}
		all = append(all, c)
	}
	return all
}
