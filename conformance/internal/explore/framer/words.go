package framer

import (
	"encoding/hex"
	"fmt"
	"iter"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Describe implements [explore.Subject].
func (s *Subject) Describe(step explore.Step) string {
	lane := ""
	if step.Lane != "" {
		lane = step.Lane + ": "
	}
	words := step.Do
	switch step.Do {
	case "frame":
		words = fmt.Sprintf("a frame arrives, ID %s, %s of payload", step.ID, text.Plural(len(payloadOf(step)), "byte"))
		if step.How != "" {
			words += ", damaged: " + step.How
		}
	case "bytes":
		words = text.Plural(len(step.Hex)/2, "byte") + " arrive"
	case "claim":
		words = fmt.Sprintf("a header arrives that claims %s of payload", text.Plural(step.Count, "byte"))
	case "nothing":
		words = "a Read of the stream returns 0 bytes and no error"
	case "end":
		words = "the stream ends"
	case "read-error":
		words = "the stream fails with a " + step.How
	case "read":
		words = "ReadFrame"
	case "write":
		words = fmt.Sprintf("%sWriteFrame, ID %s, %s of payload", lane, step.ID, text.Plural(len(payloadOf(step)), "byte"))
	case "room":
		words = fmt.Sprintf("the stream takes %s more, and then fails", text.Plural(step.Count, "byte"))
		if step.How != "" {
			words += " with a " + step.How
		}
	case "stall":
		words = fmt.Sprintf("the stream takes %s more, and then none for a while", text.Plural(step.Count, "byte"))
	case "flow":
		words = "the stream takes everything again"
	}
	if step.From != "" {
		words += " (vector " + step.From + ")"
	}
	if len(step.Cut) > 0 {
		words += fmt.Sprintf(", cut at %v", step.Cut)
	}
	if step.Hold {
		words += ", together with what follows"
	}
	return words
}

// Bytes implements [explore.Subject].
func (s *Subject) Bytes(h explore.History, step explore.Step) ([]byte, spec.Framing) {
	framing := h.Options.Framing
	if framing == "" {
		framing = spec.Enhanced
	}
	if step.Do == "write" {
		var id uint64
		_, _ = fmt.Sscan(step.ID, &id)
		return wire.Encode(framing, id, payloadOf(step)), framing
	}
	return Bytes(step, framing), framing
}

// Simpler implements [explore.Subject].
func (s *Subject) Simpler(h explore.History) iter.Seq[explore.History] {
	return func(yield func(explore.History) bool) {
		for i, step := range h.Steps {
			for _, change := range simpler(step) {
				c := h.Clone()
				c.Steps[i] = change
				if !yield(c) {
					return
				}
			}
		}
		if h.Options.Framing == spec.Basic && slices.Contains(s.Framings, spec.Enhanced) {
			c := h.Clone()
			c.Options.Framing = spec.Enhanced
			if !yield(c) {
				return
			}
		}
		for _, limit := range []int{64, 300, 5000} {
			if h.Options.MaxPayload > limit {
				c := h.Clone()
				c.Options.MaxPayload = limit
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
			c.Cut = slices.Clone(step.Cut)
			f(&c)
			all = append(all, c)
		}
	}
	change(step.Hold, func(c *explore.Step) { c.Hold = false })
	change(len(step.Cut) > 0, func(c *explore.Step) { c.Cut = nil })
	change(len(step.Cut) > 1, func(c *explore.Step) { c.Cut = c.Cut[:1] })
	change(len(step.Cut) > 1, func(c *explore.Step) { c.Cut = c.Cut[len(c.Cut)-1:] })
	change(step.Lane != "", func(c *explore.Step) { c.Lane = "" })
	change(step.How != "" && (step.Do == "frame" || step.Do == "room"), func(c *explore.Step) { c.How = "" })
	change(step.ID != "" && step.ID != "0", func(c *explore.Step) { c.ID = "0" })
	change(step.ID != "" && step.ID != "1" && step.ID != "0", func(c *explore.Step) { c.ID = "1" })
	change(step.Size > 0, func(c *explore.Step) { c.Size, c.Hex = 0, "61" })
	change(step.Size > 1, func(c *explore.Step) { c.Size /= 2 })
	change(step.Size > 64, func(c *explore.Step) { c.Size -= step.Size / 16 })
	change(step.Size > 1 && step.Size < 64, func(c *explore.Step) { c.Size-- })
	if step.Do != "bytes" {
		change(step.Hex != "" && step.Hex != "61", func(c *explore.Step) { c.Hex = "61" })
	} else if data, err := hex.DecodeString(step.Hex); err == nil && len(data) > 1 {
		change(true, func(c *explore.Step) { c.Hex = hex.EncodeToString(data[:len(data)/2]) })
		change(true, func(c *explore.Step) { c.Hex = hex.EncodeToString(data[:len(data)-1]) })
	}
	change((step.Do == "room" || step.Do == "stall") && step.Count > 1, func(c *explore.Step) { c.Count /= 2 })
	change((step.Do == "room" || step.Do == "stall") && step.Count > 0, func(c *explore.Step) { c.Count-- })
	return all
}
