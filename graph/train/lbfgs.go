package train

import (
	"fmt"
	"math"
	"time"
)

// lbfgs minimises mean loss + l2/2·Σw² over all rows (Nocedal and Wright, Numerical Optimization, algorithm 7.4, with a
// backtracking line search). Loss and gradient come from the tape as float32; directions are float64 with sums in index
// order. With a memory of 0 it is steepest descent with a searched step, the gradient descent of any network. It stops where the largest gradient is below 1e-4, scikit-learn's tolerance, or where float32 allows no more descent.
type lbfgs struct {
	p       *problem
	y       []float32
	x, g    []float64
	nx, ng  []float64 // the trial point
	d       []float64
	memory  int          // corrections kept
	history []correction // oldest first
	step    float64      // that worked last, for steepest descent
	right   int
}

// correction is one pair of L-BFGS: step, change of gradient, 1/(sᵀy).
type correction struct {
	s, y []float64
	rho  float64
}

const (
	lbfgsHistory   = 10
	lbfgsTolerance = 1e-4
	lbfgsHalvings  = 30
)

func newLBFGS(p *problem, memory int) *lbfgs {
	n := 0
	for _, q := range p.tape.params {
		n += len(q.w)
	}
	return &lbfgs{p: p, memory: memory, y: make([]float32, len(p.y)),
		x: make([]float64, n), g: make([]float64, n), nx: make([]float64, n), ng: make([]float64, n), d: make([]float64, n)}
}

// minimise runs to the optimum or for p.Epochs iterations, and returns the rows seen per second.
func (o *lbfgs) minimise() (rowsPerSecond float64, err error) {
	rows := make([]int, len(o.p.y))
	for i := range rows {
		rows[i] = i
	}
	start, passes := time.Now(), 0
	at := 0
	for _, q := range o.p.tape.params {
		for _, w := range q.w {
			o.x[at] = float64(w)
			at++
		}
	}
	f, err := o.eval(rows, o.x, o.g)
	if err != nil {
		return 0, err
	}
	passes++
	iteration := 0
	for iteration < o.p.Epochs && largest(o.g) > lbfgsTolerance {
		iteration++
		slope := o.direction()
		step := 1.0
		switch {
		case o.memory == 0 && o.step > 0:
			step = 2 * o.step
		case len(o.history) == 0:
			step = min(1, 1/norm1(o.g))
		}
		descended := false
		for range lbfgsHalvings {
			for i := range o.nx {
				o.nx[i] = o.x[i] + float64(step*o.d[i])
			}
			nf, err := o.eval(rows, o.nx, o.ng)
			if err != nil {
				return 0, err
			}
			passes++
			if nf <= f+float64(1e-4*step*slope) {
				f, o.step, descended = nf, step, true
				break
			}
			step /= 2
		}
		if !descended {
			break
		}
		o.remember()
		o.x, o.nx = o.nx, o.x
		o.g, o.ng = o.ng, o.g
		o.p.report(iteration, o.p.Epochs, f, o.right)
	}
	_, err = o.eval(rows, o.x, o.g) // leaves the best weights in the graph
	if err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
		err = fmt.Errorf("the loss became %v in iteration %d; --standardize for raw features helps: %w", f, iteration, ErrDiverged)
	}
	o.p.report(o.p.Epochs, o.p.Epochs, f, o.right)
	return float64(len(rows)*(passes+1)) / time.Since(start).Seconds(), err
}

// eval computes objective and gradient at x, whose float32 rounding is what the graph holds.
func (o *lbfgs) eval(rows []int, x, g []float64) (float64, error) {
	at := 0
	for _, q := range o.p.tape.params {
		for i := range q.w {
			q.w[i] = float32(x[at])
			at++
		}
	}
	f, right, err := o.p.gradients(rows, o.y)
	if err != nil {
		return 0, err
	}
	o.right = right
	at = 0
	var squares float64
	for _, q := range o.p.tape.params {
		for i := range q.g {
			g[at] = float64(q.g[i])
			if q.decay {
				w := float64(q.w[i])
				g[at] += float64(o.p.l2 * w)
				squares += float64(w * w)
			}
			at++
		}
	}
	return f + float64(o.p.l2/2*squares), nil
}

// direction sets d to minus the inverse Hessian estimate times g and returns the slope gᵀd, which is negative.
func (o *lbfgs) direction() float64 {
	for {
		for i, v := range o.g {
			o.d[i] = -v
		}
		alpha := make([]float64, len(o.history))
		for k := len(o.history) - 1; k >= 0; k-- {
			c := o.history[k]
			alpha[k] = float64(c.rho * dot(c.s, o.d))
			axpy(o.d, -alpha[k], c.y)
		}
		if n := len(o.history); n > 0 {
			last := o.history[n-1]
			scale := 1 / float64(last.rho*dot(last.y, last.y))
			for i := range o.d {
				o.d[i] *= scale
			}
		}
		for k, c := range o.history {
			axpy(o.d, alpha[k]-float64(c.rho*dot(c.y, o.d)), c.s)
		}
		if slope := dot(o.g, o.d); slope < 0 || len(o.history) == 0 {
			return slope
		}
		o.history = nil // rounding spoiled the estimate: start over from the gradient
	}
}

// remember keeps the step from x to nx if the curvature along it is positive.
func (o *lbfgs) remember() {
	if o.memory == 0 {
		return
	}
	var c correction
	if len(o.history) == o.memory {
		c = o.history[0]
		o.history = append(o.history[:0], o.history[1:]...)
	} else {
		c = correction{s: make([]float64, len(o.x)), y: make([]float64, len(o.x))}
	}
	for i := range o.x {
		c.s[i] = o.nx[i] - o.x[i]
		c.y[i] = o.ng[i] - o.g[i]
	}
	sy := dot(c.s, c.y)
	if sy <= 1e-10*dot(c.s, c.s) {
		return
	}
	c.rho = 1 / sy
	o.history = append(o.history, c)
}

func dot(a, b []float64) float64 {
	var sum float64
	for i, v := range a {
		sum += float64(v * b[i])
	}
	return sum
}

func axpy(dst []float64, a float64, x []float64) {
	for i, v := range x {
		dst[i] += float64(a * v)
	}
}

func largest(v []float64) float64 {
	var m float64
	for _, x := range v {
		m = max(m, math.Abs(x))
	}
	return m
}

func norm1(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += math.Abs(x)
	}
	return sum
}
