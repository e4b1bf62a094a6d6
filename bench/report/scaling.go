package report

import (
	"fmt"
	"math"

	"github.com/pyproctest/pyproctest/bench/chart"
)

// Scaling is the universal scalability law, fitted to throughput at several numbers of workers:
//
//	X(n) = One·n / (1 + Contention·(n-1) + Coherence·n·(n-1))
//
// Contention is the share of the work that all must do one after the other, Coherence what each pays
// for every other.
type Scaling struct {
	One                   float64 // throughput of one worker
	Contention, Coherence float64
}

// FitScaling fits the law to measured points; ok is false for fewer than three numbers of workers. The
// law is linear in n/X, so this is least squares on that, relative to what was measured, over the fits
// in which no coefficient is negative.
func FitScaling(workers, throughput []float64) (s Scaling, ok bool) {
	if len(workers) < 3 || len(workers) != len(throughput) {
		return s, false
	}
	columns := []func(n float64) float64{
		func(float64) float64 { return 1 },
		func(n float64) float64 { return n - 1 },
		func(n float64) float64 { return n * (n - 1) },
	}
	best := math.Inf(1)
	for _, used := range [][]int{{0}, {0, 1}, {0, 2}, {0, 1, 2}} {
		c, residue, solved := leastSquares(workers, throughput, columns, used)
		if solved && residue < best-1e-12 {
			best = residue
			s = Scaling{One: 1 / c[0], Contention: c[1] / c[0], Coherence: c[2] / c[0]}
			ok = true
		}
	}
	return s, ok
}

// leastSquares solves for the coefficients of the columns used; the others are 0. It does not count as
// solved where one is negative.
func leastSquares(n, x []float64, columns []func(float64) float64, used []int) (c [3]float64, residue float64, ok bool) {
	k := len(used)
	m := make([][]float64, k) // normal equations, with the right side as last column
	for i := range m {
		m[i] = make([]float64, k+1)
		for p := range n {
			target := n[p] / x[p]
			for j := range k {
				m[i][j] += columns[used[i]](n[p]) * columns[used[j]](n[p]) / (target * target)
			}
			m[i][k] += columns[used[i]](n[p]) / target
		}
	}
	for i := range k { // no pivoting: the matrix is positive definite, or there is no solution
		if m[i][i] < 1e-300 {
			return c, 0, false
		}
		for j := range k {
			if j == i {
				continue
			}
			f := m[j][i] / m[i][i]
			for l := i; l <= k; l++ {
				m[j][l] -= f * m[i][l]
			}
		}
	}
	for i, u := range used {
		if c[u] = m[i][k] / m[i][i]; c[u] < 0 || math.IsNaN(c[u]) {
			return c, 0, false
		}
	}
	for p := range n {
		fitted := 0.0
		for u := range c {
			fitted += c[u] * columns[u](n[p])
		}
		off := fitted*x[p]/n[p] - 1
		residue += off * off
	}
	return c, residue, c[0] > 0
}

// At is the throughput of n workers.
func (s Scaling) At(n float64) float64 {
	return s.One * n / (1 + s.Contention*(n-1) + s.Coherence*n*(n-1))
}

// paying is what one worker more must add for it to be worth its memory.
const paying = 0.05

// mostWorkers is how far PaysUpTo looks: the law says little that far from what was measured.
const mostWorkers = 64

// PaysUpTo is the number of workers from which one more adds less than 5 %.
func (s Scaling) PaysUpTo() int {
	for n := 1; n < mostWorkers; n++ {
		if s.At(float64(n+1)) < s.At(float64(n))*(1+paying) {
			return n
		}
	}
	return mostWorkers
}

// curve is the law as a line of a chart.
func (s Scaling) curve(color int, from, to float64) chart.Series {
	const steps = 60
	line := chart.Series{Name: "law fitted to it", Color: color, Bare: true, Thin: true}
	for i := range steps + 1 {
		at := from * math.Pow(to/from, float64(i)/steps)
		line.Points = append(line.Points, chart.Point{X: at, Y: s.At(at)})
	}
	return line
}

// peak says where the law has its maximum, if it has one.
func (s Scaling) peak() string {
	if s.Coherence <= 0 || s.Contention >= 1 {
		return ""
	}
	return fmt.Sprintf(" (contention %.2f, coherence %.4f; at its highest with %.0f callers)", s.Contention, s.Coherence, math.Sqrt((1-s.Contention)/s.Coherence))
}
