// Package rounds measures rows in rounds, so that each row has several runs, spread over the whole time, and whatever the
// machine does meanwhile falls on all rows. Each result is written as soon as it is there.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/results"
	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
)

// Plan says what is measured, and for how long.
type Plan struct {
	// Sides has the rows of each side that is measured. They take turns, group by group, in an order that turns round with
	// each round: A B, B A, A B.
	Sides [][]rows.Row

	// First chooses the rows of which the first round begins, so that there is something to see early. May be nil.
	First func(rows.Row) bool

	Rounds int
	Each   time.Duration // how long a row and its floor take turns in one round
	// Within bounds the whole: a round that would not end in time, by what the one before took, does not begin. 0 sets no
	// bound.
	Within time.Duration
	Later  time.Duration // what is measured after this plan takes so long: for the estimate

	Config []benchfmt.Config // of every result, beside what the rows note
	Out    *results.Writer

	Progress func(Progress)     // called before each row; may be nil
	Pause    func(Pause)        // called after the first rows, if more follow, and after each round; may be nil
	Notes    map[string]string  // settings that rows note are added to this; may be nil
	Ended    int                // rounds that have ended
	now      func() time.Time   // time.Now, but in tests
	took     map[string]float64 // seconds of each row, the last time
}

// Progress says how far a run is.
type Progress struct {
	Round, Rounds int // the first one is 1
	Row           rows.Row
	Done, All     int // rows, in all rounds
	Left          time.Duration
}

// Pause says after what a run pauses.
type Pause struct {
	First bool // after the rows of Plan.First; else after a round
	Round int  // the first one is 1
}

// Run measures until all rounds are done, the time is over, or ctx ends. What was measured until then is written. The error
// joins those of rows that failed, each once; the others go on. A row that the subject does not offer, or that has no figure
// ([rows.ErrNoFigure]), is left out, and returned with the reason.
func (p *Plan) Run(ctx context.Context) (notOffered map[string]string, err error) {
	if p.now == nil {
		p.now = time.Now
	}
	if p.Notes == nil {
		p.Notes = map[string]string{}
	}
	p.took = map[string]float64{}
	notOffered = map[string]string{}
	failed := map[string]error{}
	began := p.now()
	shelf := rows.NewShelf(func(note string) {
		key, value, _ := strings.Cut(note, ": ")
		p.Notes[key] = value
	})
	defer func() { err = errors.Join(err, shelf.Close()) }()
	for round := range p.Rounds {
		beganRound := p.now()
		order := p.order(round)
		early := 0
		if round == 0 && p.First != nil {
			first := slices.DeleteFunc(slices.Clone(order), func(r rows.Row) bool { return !p.First(r) })
			order = slices.Concat(first, slices.DeleteFunc(order, p.First))
			early = len(first)
		}
		for i, row := range order {
			if i == early && early > 0 {
				p.pause(Pause{First: true, Round: 1})
			}
			name := row.String()
			if failed[name] != nil || notOffered[name] != "" {
				continue
			}
			if ctx.Err() != nil {
				return notOffered, errors.Join(sorted(failed), fmt.Errorf("stopped in round %d of %d: %w", round+1, p.Rounds, context.Cause(ctx)))
			}
			if p.Progress != nil {
				p.Progress(Progress{round + 1, p.Rounds, row, round*len(order) + i, p.Rounds * len(order), p.left(round, order[i:], began)})
			}
			start := p.now()
			err := p.measure(ctx, shelf, row)
			p.took[name] = p.now().Sub(start).Seconds()
			switch {
			case err == nil:
			case ctx.Err() != nil: // told above
			case errors.Is(err, conformance.Unsupported), errors.Is(err, rows.ErrNoFigure):
				notOffered[name] = errors.Unwrap(err).Error() // without the row
			default:
				failed[name] = err
			}
		}
		if early == len(order) && early > 0 && p.Rounds > 1 {
			p.pause(Pause{First: true, Round: 1})
		}
		p.Ended = round + 1
		p.pause(Pause{Round: round + 1})
		if now := p.now(); p.Within > 0 && now.Add(now.Sub(beganRound)).Sub(began) > p.Within {
			break
		}
	}
	return notOffered, sorted(failed)
}

func sorted(failed map[string]error) error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		all = append(all, failed[name])
	}
	return errors.Join(all...)
}

func (p *Plan) pause(at Pause) {
	if p.Pause != nil {
		p.Pause(at)
	}
}

// order is the rows of a round. Those of a group stay together.
func (p *Plan) order(round int) []rows.Row {
	var order []rows.Row
	grouped := make([][][]rows.Row, len(p.Sides))
	most := 0
	for i, side := range p.Sides {
		for _, row := range side {
			if n := len(grouped[i]); n > 0 && grouped[i][n-1][0].Group == row.Group {
				grouped[i][n-1] = append(grouped[i][n-1], row)
				continue
			}
			grouped[i] = append(grouped[i], []rows.Row{row})
		}
		most = max(most, len(grouped[i]))
	}
	for g := range most {
		for i := range grouped {
			if round%2 == 1 {
				i = len(grouped) - 1 - i
			}
			if g < len(grouped[i]) {
				order = append(order, grouped[i][g]...)
			}
		}
	}
	return order
}

// left estimates by what each row took last, or would take with nothing in its way.
func (p *Plan) left(round int, rest []rows.Row, began time.Time) time.Duration {
	sum := func(all []rows.Row) (seconds float64) {
		for _, row := range all {
			if took, ok := p.took[row.String()]; ok {
				seconds += took
			} else {
				seconds += 3 * p.Each.Seconds()
			}
		}
		return seconds
	}
	left := sum(rest) + float64(p.Rounds-round-1)*sum(p.order(round))
	d := time.Duration(left * float64(time.Second))
	if p.Within > 0 {
		d = max(0, min(d, p.Within-p.now().Sub(began)))
	}
	return (d + p.Later).Round(time.Second)
}

func (p *Plan) measure(ctx context.Context, shelf *rows.Shelf, row rows.Row) error {
	if err := shelf.Enter(row.Group); err != nil {
		return fmt.Errorf("before %s: %w", row, err)
	}
	var start time.Time
	pairs := 0
	metrics, err := row.Measure(ctx, shelf, func() bool {
		if pairs++; pairs == 1 { // calibration is over
			start = p.now()
		}
		return p.now().Sub(start) < p.Each
	})
	if err != nil {
		return err
	}
	return p.Out.Write(p.result(row, pairs-1, metrics))
}

// result is a line of the Go benchmark format.
func (p *Plan) result(row rows.Row, pairs int, metrics []turns.Metric) *benchfmt.Result {
	r := &benchfmt.Result{Name: benchfmt.Name(fmt.Sprintf("%s-%d", row.Name(), runtime.NumCPU())), Iters: max(pairs, 1)}
	for _, m := range metrics {
		r.Values = append(r.Values, benchfmt.Value{Value: m.Value, Unit: m.Unit})
	}
	for _, c := range p.Config {
		setConfig(r, c.Key, string(c.Value))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Notes)) {
		setConfig(r, key, p.Notes[key])
	}
	setConfig(r, "placement", row.Placement)
	return r
}

// setConfig sets what is to be written; SetConfig alone sets what is not.
func setConfig(r *benchfmt.Result, key, value string) {
	r.SetConfig(key, value)
	if i, ok := r.ConfigIndex(key); ok {
		r.Config[i].File = true
	}
}
