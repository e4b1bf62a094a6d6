package chart

import (
	"html"
	"math"
	"strings"
)

// Bar is one ratio. Mark is what it is to stay below, or 0.
type Bar struct {
	Name  string
	Value float64
	Text  string
	Mark  float64
	Color int
}

// Bars is a chart of ratios beside each other, from 0, with a line at 1.
type Bars struct {
	Title string
	Label string // of the scale
	Bars  []Bar
}

const (
	barHeight = 13.0
	barStep   = 21.0
)

// SVG draws the chart.
func (c Bars) SVG() string {
	most := 1.0
	for _, b := range c.Bars {
		most = max(most, b.Value, b.Mark)
	}
	step := roundUp(most / 5)
	end := step * math.Ceil(most/step)
	const valueRoom = 44.0
	longest := 0
	for _, b := range c.Bars {
		longest = max(longest, len([]rune(b.Name)))
	}
	// Names stand before the bars; where that leaves the bars too little room, above them.
	nameWidth, nameHeight := 10+charWidth*float64(longest), 0.0
	if nameWidth > width/2 {
		nameWidth, nameHeight = 10, 16
	}
	each := barStep + nameHeight
	xOf := scale(0, end, false, nameWidth, width-valueRoom)
	bottom := top + each*float64(len(c.Bars))

	d := newDrawing(c.Title, bottom+axisHeight)
	for v := 0.0; v <= end+step/2; v += step {
		d.printf(`<path class="grid" d="M%.1f %.1fV%.1f"/>`, xOf(v), top, bottom)
		d.printf(`<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, xOf(v), bottom+15, trim(v))
	}
	d.printf(`<path class="axis" d="M%.1f %.1fV%.1f"/>`, xOf(1), top, bottom)
	half := charWidth * float64(len([]rune(c.Label))) / 2
	middle := max(half, min((nameWidth+width-valueRoom)/2, width-half)) // all of it can be seen
	d.printf(`<text class="label" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, middle, bottom+31, html.EscapeString(c.Label))
	for i, b := range c.Bars {
		y := top + each*float64(i) + nameHeight + (barStep-barHeight)/2
		if nameHeight > 0 {
			d.printf(`<text x="%.1f" y="%.1f">%s</text>`, nameWidth, y-5, html.EscapeString(b.Name))
		} else {
			d.printf(`<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, nameWidth-6, y+10.5, html.EscapeString(b.Name))
		}
		d.printf(`<rect style="fill:var(--s%d)" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"/>`, b.Color, xOf(0), y, xOf(b.Value)-xOf(0), barHeight)
		if b.Mark > 0 {
			d.printf(`<path class="goal" d="M%.1f %.1fv%.1f"/>`, xOf(b.Mark), y-3, barHeight+6)
		}
		d.printf(`<text x="%.1f" y="%.1f">%s</text>`, max(xOf(b.Value), xOf(b.Mark))+5, y+10.5, html.EscapeString(b.Text))
	}
	return d.end()
}

func trim(v float64) string {
	s := strings.TrimRight(strings.TrimRight(formatFixed(v), "0"), ".")
	return s
}
