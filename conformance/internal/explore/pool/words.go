package pool

import (
	"fmt"
	"iter"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

var answers = map[string]string{
	"": "its answer", "error": "an error answer", "no-body": "an answer without a body", "envelope": "its answer in an envelope", "envelope-id": "its answer in an envelope that has an ID of its own", "more": "its answer with unknown fields",
	"unknown": "an answer under its ID + 2^32, which nobody has", "next": "an answer under the next ID, which nobody has yet", "twice": "its answer, and another one under the same ID",
	"differs": "its answer with another ID in the header", "crc": "its answer with a wrong checksum", "garbage": "bytes that are no frame", "malformed": "an answer that is no JSON", "trailing": "its answer with something behind it in the frame",
	"utf8": "an answer that is no UTF-8", "id-text": "its answer with the ID as a string", "half": "the beginning of its answer, and then the end of the connection",
	"close": "the end of the connection", "late": "its answer, late", "note": "what would be its answer, as an envelope of the type note",
}

// Describe implements [explore.Subject].
func (s *Subject) Describe(step explore.Step) string {
	switch step.Do {
	case "start":
		switch step.How {
		case "exit":
			return fmt.Sprintf("Start, in which worker %d exits with status 3", step.Worker)
		case "exit-0":
			return fmt.Sprintf("Start, in which worker %d exits with status 0", step.Worker)
		case "never":
			return fmt.Sprintf("Start, in which worker %d never listens", step.Worker)
		case "slow":
			return fmt.Sprintf("Start, in which worker %d does not listen yet, beside what follows", step.Worker)
		case "bound":
			return fmt.Sprintf("Start, in which worker %d has made its socket and does not listen yet, beside what follows", step.Worker)
		case "silent":
			return fmt.Sprintf("Start, in which worker %d never listens, until its context ends", step.Worker)
		}
		return "Start"
	case "call":
		words := "Call " + step.Call
		if step.Method != "" {
			words += fmt.Sprintf(", method %q", step.Call+step.Method)
		}
		if step.How == "utf8" {
			words += ", with a byte at the end of its method that is no UTF-8"
		}
		if step.How == "ended" {
			words += ", whose context has ended"
		}
		if step.Body != "" {
			words += ", body " + text.Clip(step.Body, 40)
		}
		if step.Size > 0 {
			words += fmt.Sprintf(", %d bytes more", step.Size)
		}
		return words
	case "end-context":
		return "the context of " + step.Call + " ends"
	case "answer":
		words := "the worker of " + step.Call + " sends " + answers[step.How]
		if len(step.Cut) > 0 {
			words += fmt.Sprintf(", cut at %v", step.Cut)
		}
		if step.More != "" {
			words += ": " + text.Clip(step.More, 60)
		}
		if step.Body != "" {
			words += ", with " + text.Clip(step.Body, 40) + " in its body"
		}
		if step.Hold {
			words += ", together with what follows"
		}
		return words
	case "die":
		return fmt.Sprintf("worker %d dies", step.Worker)
	case "stall":
		return fmt.Sprintf("worker %d reads %s more of each connection, and no more", step.Worker, text.Plural(step.Count, "byte"))
	case "read":
		return fmt.Sprintf("worker %d reads again", step.Worker)
	case "print":
		return fmt.Sprintf("worker %d prints %s", step.Worker, text.Plural(step.Size, "byte"))
	case "hang":
		return fmt.Sprintf("worker %d answers no health call any more", step.Worker)
	case "unhang":
		if step.How == "error" {
			return fmt.Sprintf("worker %d answers the health calls that wait with an error, and later ones well", step.Worker)
		}
		return fmt.Sprintf("worker %d answers health calls again, those that wait first", step.Worker)
	case "next":
		return "the next process that the pool starts " + map[string]string{
			"exit": "exits with status 3", "exit-0": "exits with status 0", "slow": "does not listen yet", "bound": "has made its socket and does not listen yet",
		}[step.How]
	case "ready":
		return "every worker listens that did not, and a Start that waits for one returns"
	case "outlast":
		return fmt.Sprintf("more than the stop timeout of %v passes", stopTimeout)
	case "health":
		return "Health"
	case "shutdown":
		words := "Shutdown"
		if step.Count > 0 {
			words += fmt.Sprintf(", whose context ends after %d ms", step.Count)
		}
		if step.How == "beside" {
			words += ", beside what follows"
		}
		return words
	case "settle":
		return "settle: all that must come has come"
	}
	return step.Do
}

// Bytes implements [explore.Subject]. Which bytes a step makes depends on the pool: the timeline has them.
func (s *Subject) Bytes(explore.History, explore.Step) ([]byte, spec.Framing) { return nil, "" }

// Simpler implements [explore.Subject].
func (s *Subject) Simpler(h explore.History) iter.Seq[explore.History] {
	return func(yield func(explore.History) bool) {
		o := h.Options
		for _, change := range []func(*explore.Options){
			func(o *explore.Options) { o.Workers = 1 }, func(o *explore.Options) { o.Workers-- }, func(o *explore.Options) { o.MaxInFlight = 1 }, func(o *explore.Options) { o.MaxInFlight-- },
			func(o *explore.Options) { o.MaxPayload = 0 }, func(o *explore.Options) { o.CheckWithin = 0 }, func(o *explore.Options) { o.CheckEvery, o.CheckWithin = 0, 0 }, func(o *explore.Options) { o.Framing = s.Framings[0] }, func(o *explore.Options) { o.RestartIn = 0 }, func(o *explore.Options) { o.Program = "" }, func(o *explore.Options) { o.Output = "" }, func(o *explore.Options) { o.Queue = 0 }, func(o *explore.Options) { o.Queue-- },
		} {
			c := h.Clone()
			change(&c.Options)
			if c.Options == o || c.Options.Workers < 1 || c.Options.MaxInFlight < 1 || c.Options.Queue < 0 {
				continue
			}
			if !yield(c) {
				return
			}
		}
		for i := range h.Steps {
			for _, step := range simpler(h.Steps[i]) {
				c := h.Clone()
				c.Steps[i] = step
				if !yield(c) {
					return
				}
			}
		}
	}
}

func simpler(step explore.Step) (all []explore.Step) {
	change := func(does bool, f func(*explore.Step)) {
		if does {
			c := step
			f(&c)
			all = append(all, c)
		}
	}
	change(step.Hold, func(c *explore.Step) { c.Hold = false })
	change(len(step.Cut) > 0, func(c *explore.Step) { c.Cut = nil })
	change(step.Method != "", func(c *explore.Step) { c.Method = "" })
	change(step.More != "", func(c *explore.Step) { c.More = "" })
	change(step.Body != "", func(c *explore.Step) { c.Body = "" })
	change(step.Size > 0 && step.Do == "call", func(c *explore.Step) { c.Size = 0 })
	change(step.Text != "" && (step.Do == "call" || step.Do == "answer"), func(c *explore.Step) { c.Text = "" })
	change(step.Size > 100, func(c *explore.Step) { c.Size /= 2 })
	change(step.Do == "answer" && slices.Contains([]string{"error", "envelope", "envelope-id", "more", "no-body", "twice", "unknown", "next", "note"}, step.How), func(c *explore.Step) { c.How = "" })
	change(step.Do == "next" && step.How == "bound" || step.Do == "start" && step.How == "bound", func(c *explore.Step) { c.How = "slow" })
	change(step.Do == "shutdown" && step.Count > 0, func(c *explore.Step) { c.Count = 0 })
	change(step.Do == "shutdown" && step.How != "", func(c *explore.Step) { c.How = "" })
	change(step.Worker > 1, func(c *explore.Step) { c.Worker = 1 })
	return all
}
