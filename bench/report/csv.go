package report

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteCSV writes a line for each unit of each row: its median, the ends of its confidence interval
// (95 %, or as near as the number of runs allows) and the number of runs.
func WriteCSV(to io.Writer, rows Rows) error {
	w := csv.NewWriter(to)
	keys := []string{"side", "op", "framing", "workers", "size", "callers", "calls", "restart", "mix", "rate"}
	header := append([]string{"benchmark"}, keys...)
	if err := w.Write(append(header, "placement", "unit", "median", "low", "high", "runs")); err != nil {
		return err
	}
	for _, r := range rows {
		for _, unit := range r.Units {
			line := []string{r.Benchmark}
			for _, k := range keys {
				line = append(line, r.shown(k))
			}
			s, _ := r.Summary(unit)
			line = append(line, r.Placement, unit, number(s.Center), number(s.Lo), number(s.Hi), strconv.Itoa(len(r.values[unit])))
			if err := w.Write(line); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
