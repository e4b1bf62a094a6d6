package suite

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// KeptBytes is how many bytes of one event the timeline keeps.
const KeptBytes = 4096

// keptEvents is how many events of one case the timeline keeps: the first half and the last.
const keptEvents = 400

// Note adds something that happened to the timeline of the case.
func (t *T) Note(where, note string, args ...any) {
	t.event(result.Event{Where: where, Note: fmt.Sprintf(note, args...)})
}

// Saw adds bytes that passed to the timeline of the case. It copies them.
func (t *T) Saw(where string, framing spec.Framing, data []byte) {
	kept := append([]byte(nil), data[:min(len(data), KeptBytes)]...)
	t.event(result.Event{Where: where, Bytes: kept, Total: len(data), Framing: framing})
}

func (t *T) event(e result.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	e.At = time.Since(t.began)
	if len(t.timeline) >= keptEvents {
		t.timeline = append(t.timeline[:keptEvents/2], t.timeline[keptEvents/2+1:]...)
	}
	t.timeline = append(t.timeline, e)
}
