package chart

import (
	"strconv"
	"strings"
)

// Colors are the variables that charts use, for a light ground and a dark one. Neighbours among the
// series differ in lightness as well as in hue.
const (
	LightColors = `--s0:#6b6b66;--s1:#2a78d6;--s2:#d9480f;--s3:#12805c;--s4:#8a3ffc;--s5:#b8860b;--s6:#c2255c;--s7:#7a5c3e;--ink:#1c1c1a;--muted:#5c5c57;--grid:#e3e2dd;--ground:#ffffff`
	DarkColors  = `--s0:#a5a49d;--s1:#5aa0f2;--s2:#ff8a5c;--s3:#3fc795;--s4:#b794ff;--s5:#e6b93f;--s6:#ff7ba8;--s7:#d0a880;--ink:#f1f0ea;--muted:#b4b3ab;--grid:#3a3a37;--ground:#1b1b19`
)

// Style is the CSS of charts.
const Style = `.chart{display:block;width:100%;height:auto;font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.chart text{fill:var(--muted)}.chart .label{fill:var(--ink)}
.chart .grid{stroke:var(--grid);fill:none}.chart .axis{stroke:var(--muted);fill:none}
.chart .mark{stroke:var(--muted);stroke-dasharray:2 3;fill:none}.chart .goal{stroke:var(--ink);stroke-width:2.5;fill:none}
.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}.chart .dashed{stroke-dasharray:5 4}.chart .thin{stroke-width:1}
.chart .dot{stroke:var(--ground);stroke-width:1}`

// Standalone makes a file of a chart, which follows the light or dark of whoever shows it.
func Standalone(svg string) string {
	style := "<style>:root{" + LightColors + "}@media(prefers-color-scheme:dark){:root{" + DarkColors + "}}" +
		Style + "</style><rect width=\"100%\" height=\"100%\" style=\"fill:var(--ground)\"/>\n"
	end := strings.Index(svg, ">") + 1
	return svg[:end] + style + svg[end:] + "\n"
}

func formatFixed(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
