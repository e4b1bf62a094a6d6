// Package chart draws charts as SVG that needs nothing else: lines over a scale, and bars against a
// mark. Colours are CSS variables (--s0 … --s7, --ink, --muted, --grid), so that the page around a
// chart, or [Standalone], decides on light and dark.
package chart

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The size of a chart in its own units. A page scales it; text is large enough for that on a phone.
const (
	width      = 420.0
	right      = 24.0
	top        = 12.0
	plotHeight = 230.0
	axisHeight = 38.0
	legendLine = 17.0
	fontSize   = 12.0
	charWidth  = 7.4 // about, at that size, where the system font is a wide one
)

// Point is one value, with what a person who points at it reads.
type Point struct {
	X, Y float64
	Tip  string
}

// Series is one line. Color is the number of its colour, by which the same thing looks the same in all
// charts.
type Series struct {
	Name   string
	Color  int
	Dashed bool
	Bare   bool // a line without marks, such as one that was computed
	Thin   bool
	Dots   bool // marks without a line
	Points []Point
}

// Lines is a chart of lines over two logarithmic or linear scales.
type Lines struct {
	Title          string // for those who do not see the chart
	XLabel, YLabel string
	XTicks         []Tick // all of them; X runs from the first to the last
	XLog, YLog     bool
	YText          func(float64) string // of a tick
	Series         []Series
	Note           string // in the plot
	NoteAt         float64
}

// Tick is a mark on a scale.
type Tick struct {
	At   float64
	Text string
}

// SVG draws the chart.
func (c Lines) SVG() string {
	yTicks, low, high := c.yScale()
	widest := 0
	for _, t := range yTicks {
		widest = max(widest, len([]rune(c.YText(t))))
	}
	left := 26 + charWidth*float64(widest)
	xOf := scale(c.XTicks[0].At, c.XTicks[len(c.XTicks)-1].At, c.XLog, left+6, width-right-6)
	yOf := scale(low, high, c.YLog, top+plotHeight, top)

	var legend []entry
	for _, s := range c.Series {
		legend = append(legend, entry{s.Name, s.Color, s.Dashed, s.Bare})
	}
	legendSVG, legendHeight := drawLegend(legend, left, top+plotHeight+axisHeight+8)
	d := newDrawing(c.Title, top+plotHeight+axisHeight+8+legendHeight)
	for _, t := range yTicks {
		y := yOf(t)
		d.printf(`<path class="grid" d="M%.1f %.1fH%.1f"/>`, left, y, width-right)
		d.printf(`<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, left-5, y+4, html.EscapeString(c.YText(t)))
	}
	for _, t := range c.XTicks {
		d.printf(`<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, xOf(t.At), top+plotHeight+15, html.EscapeString(t.Text))
	}
	d.printf(`<path class="axis" d="M%.1f %.1fH%.1f"/>`, left, top+plotHeight, width-right)
	d.printf(`<text class="label" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, (left+width-right)/2, top+plotHeight+31, html.EscapeString(c.XLabel))
	d.printf(`<text class="label" transform="translate(11 %.1f) rotate(-90)" text-anchor="middle">%s</text>`, top+plotHeight/2, html.EscapeString(c.YLabel))
	if c.Note != "" {
		x := xOf(c.NoteAt)
		d.printf(`<path class="mark" d="M%.1f %.1fV%.1f"/>`, x, top, top+plotHeight)
		anchor, dx := "start", 5.0
		if x > width/2 {
			anchor, dx = "end", -5
		}
		d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x+dx, top+plotHeight-8, anchor, html.EscapeString(c.Note))
	}
	for _, s := range c.Series {
		d.series(s, xOf, yOf)
	}
	d.WriteString(legendSVG)
	return d.end()
}

func (d *drawing) series(s Series, xOf, yOf func(float64) float64) {
	var path strings.Builder
	for i, p := range s.Points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, xOf(p.X), yOf(p.Y))
	}
	class := "line"
	if s.Dashed {
		class += " dashed"
	}
	if s.Thin {
		class += " thin"
	}
	if !s.Dots {
		d.printf(`<path class="%s" style="stroke:var(--s%d)" d="%s"/>`, class, s.Color, path.String())
	}
	if s.Bare {
		return
	}
	for _, p := range s.Points {
		d.printf(`<g><title>%s</title>%s</g>`, html.EscapeString(s.Name+", "+p.Tip), shape(s.Color, xOf(p.X), yOf(p.Y)))
	}
}

// shape is the mark of a colour, which tells series apart for those who do not tell colours apart.
func shape(color int, x, y float64) string {
	style := fmt.Sprintf(`class="dot" style="fill:var(--s%d)"`, color)
	switch color % 5 {
	case 1:
		return fmt.Sprintf(`<rect %s x="%.1f" y="%.1f" width="8" height="8"/>`, style, x-4, y-4)
	case 2:
		return fmt.Sprintf(`<path %s d="M%.1f %.1fl5 8.6h-10z"/>`, style, x, y-5.2)
	case 3:
		return fmt.Sprintf(`<path %s d="M%.1f %.1fl5.2 5.2l-5.2 5.2l-5.2 -5.2z"/>`, style, x, y-5.2)
	case 4:
		return fmt.Sprintf(`<path %s d="M%.1f %.1fl5 -8.6h-10z"/>`, style, x, y+5.2)
	}
	return fmt.Sprintf(`<circle %s cx="%.1f" cy="%.1f" r="4.2"/>`, style, x, y)
}

// scale maps values from..to onto positions.
func scale(from, to float64, log bool, at, end float64) func(float64) float64 {
	if log {
		from, to = math.Log(from), math.Log(to)
	}
	if to == from {
		to = from + 1
	}
	return func(v float64) float64 {
		if log {
			v = math.Log(v)
		}
		return at + (v-from)/(to-from)*(end-at)
	}
}

// yScale has ticks at round values around all points.
func (c Lines) yScale() (ticks []float64, low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for _, p := range s.Points {
			low, high = min(low, p.Y), max(high, p.Y)
		}
	}
	if math.IsInf(low, 0) {
		low, high = 1, 10
	}
	if !c.YLog {
		step := roundUp(high / 5)
		for v := 0.0; ; v += step {
			ticks = append(ticks, v)
			if v >= high {
				return ticks, 0, v
			}
		}
	}
	steps := []float64{1, 2, 5}
	if high/low > 300 {
		steps = []float64{1}
	}
	for e := math.Floor(math.Log10(low)); ; e++ {
		for _, m := range steps {
			v := m * math.Pow(10, e)
			if v <= low {
				ticks = ticks[:0]
			}
			ticks = append(ticks, v)
			if v >= high {
				return ticks, ticks[0], v
			}
		}
	}
}

// roundUp is the next 1, 2 or 5 times a power of ten.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*p {
			return m * p
		}
	}
	return 10 * p
}

// drawing is an SVG that is being written.
type drawing struct {
	strings.Builder
}

func newDrawing(title string, height float64) *drawing {
	d := &drawing{}
	d.printf(`<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-size="%.0f" role="img" aria-label="%s">`,
		width, height, fontSize, html.EscapeString(title))
	return d
}

func (d *drawing) printf(format string, args ...any) {
	fmt.Fprintf(&d.Builder, format+"\n", args...)
}

func (d *drawing) end() string {
	d.WriteString("</svg>")
	return d.String()
}

type entry struct {
	name   string
	color  int
	dashed bool
	bare   bool
}

// drawLegend sets entries in lines as long as the chart is wide.
func drawLegend(entries []entry, left, y float64) (svg string, height float64) {
	var b strings.Builder
	x := left
	lines := 1.0
	for _, e := range entries {
		wide := 28 + charWidth*float64(len([]rune(e.name))) + 12
		if x > left && x+wide > width {
			x = left
			lines++
		}
		line := y + legendLine*(lines-1)
		class := "line"
		if e.dashed {
			class += " dashed"
		}
		fmt.Fprintf(&b, `<path class="%s" style="stroke:var(--s%d)" d="M%.1f %.1fh22"/>`, class, e.color, x, line)
		if !e.bare {
			b.WriteString(shape(e.color, x+11, line))
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">%s</text>`+"\n", x+28, line+4, html.EscapeString(e.name))
		x += wide
	}
	return b.String(), legendLine * lines
}
