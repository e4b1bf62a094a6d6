package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// howItEnded says how the process ended and what it wrote. The process must have ended.
func (p *process) howItEnded() string {
	return fmt.Sprintf("%v; %s", p.cmd.ProcessState, p.outputTail())
}

// exitSuffix returns a sentence to put after the text of a failure if the process has ended, and nothing if it runs. It
// waits a moment, because the end of a connection is often seen before the end of the process behind it.
func (p *process) exitSuffix() string {
	if _, ended := p.awaitExit(200 * time.Millisecond); ended {
		return ". The worker ended: " + p.howItEnded()
	}
	return ""
}

const tailBytes = 2000 // of what the worker wrote

// outputTail shows the end of what the worker wrote to standard error, or, if that is empty, to standard output.
func (p *process) outputTail() string {
	name, words := "standard error", p.stderr.end()
	if words == "" {
		name, words = "standard output", p.stdout.end()
	}
	if words == "" {
		return "it wrote nothing to standard error"
	}
	if len(words) > tailBytes {
		words = "…" + words[len(words)-tailBytes:]
	}
	return "the end of its " + name + ":\n" + text.Indent(text.Output(words), "  ")
}
