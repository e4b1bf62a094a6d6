package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// BadgeSVG writes a badge, the verdict of one run as an SVG image.
func BadgeSVG(w io.Writer, run Run) error {
	b := newBadge(run.presentable())
	label, message := b.width(b.Label), b.width(b.Message)
	return badgeImage.Execute(w, map[string]any{
		"Label": b.Label, "Message": b.Message, "Paint": b.paint(), "Width": label + message,
		"LabelWidth": label, "MessageWidth": message, "LabelMiddle": label / 2, "MessageMiddle": label + message/2,
	})
}

// BadgeJSON writes the same badge for a service that draws it, in the usual endpoint format: schemaVersion, label,
// message and color.
func BadgeJSON(w io.Writer, run Run) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(newBadge(run.presentable()))
}

type badge struct {
	SchemaVersion int    `json:"schemaVersion"`
	Label         string `json:"label"`
	Message       string `json:"message"`
	Color         string `json:"color"`
}

// newBadge says how many MUST hold of how many, and always says so if only a part was run.
func newBadge(r Run) badge {
	must := r.Count(spec.Must)
	b := badge{SchemaVersion: 1, Label: fmt.Sprintf("PyProc %s v%s", r.Role, r.Spec)}
	switch {
	case !r.Asked.Whole():
		b.Label += " (part)"
	case len(r.Asked.Framings) == 1:
		b.Label += fmt.Sprintf(" (%s)", r.Asked.Framings[0])
	}
	b.Message = fmt.Sprintf("%d of %d MUST hold", must.Hold, must.All())
	switch r.Verdict() {
	case Holds:
		b.Color = "brightgreen"
		if r.empty() {
			b.Color, b.Message = "lightgrey", "nothing was judged"
		}
	case Known:
		b.Color = "yellow"
	case Stale:
		b.Color = "orange"
	case Unknown:
		b.Color = "orange"
		b.Message += fmt.Sprintf(", %d not known", must.Unknown)
	case Violated:
		b.Color = "red"
	case NotRun:
		b.Color, b.Message = "lightgrey", "could not be run"
	}
	return b
}

// paint returns the background of the message, dark enough for white text.
func (b badge) paint() string {
	return map[string]string{
		"brightgreen": "#2e7d32", "yellow": "#7a6000", "orange": "#a84300", "red": "#b3261e", "lightgrey": "#5f6368",
	}[b.Color]
}

// width returns the width in pixels of a text of 11 pixels in a usual font, with room on both sides.
func (b badge) width(text string) int { return len([]rune(text))*7 + 12 }

var badgeImage = template.Must(template.New("badge").Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="20" role="img" aria-label="{{.Label}}: {{.Message}}">
<title>{{.Label}}: {{.Message}}</title>
<clipPath id="round"><rect width="{{.Width}}" height="20" rx="3"/></clipPath>
<g clip-path="url(#round)"><rect width="{{.LabelWidth}}" height="20" fill="#444"/><rect x="{{.LabelWidth}}" width="{{.MessageWidth}}" height="20" fill="{{.Paint}}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11"><text x="{{.LabelMiddle}}" y="14">{{.Label}}</text><text x="{{.MessageMiddle}}" y="14">{{.Message}}</text></g>
</svg>
`))
