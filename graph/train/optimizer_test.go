package train

import (
	"math"
	"testing"
)

// TestOptimizersFindTheMinimum minimises a badly scaled quadratic, 1/2·Σ c[i]·(w[i]-m[i])², with every optimizer.
func TestOptimizersFindTheMinimum(t *testing.T) {
	curvature, minimum := []float32{1, 10, 0.5}, []float32{0.5, -1, 2}
	rates := map[string]float32{"gd": 0.1, "sgd": 0.1, "momentum": 0.02, "adagrad": 0.5, "rmsprop": 0.01, "adam": 0.02}
	for _, row := range optimizerTable {
		t.Run(row.name, func(t *testing.T) {
			p := param{w: make([]float32, 3), g: make([]float32, 3)}
			params := []param{p}
			opt := row.make(params, 0.9)
			const steps = 2000
			for step := range steps {
				for i := range p.w {
					p.g[i] = curvature[i] * (p.w[i] - minimum[i])
				}
				opt.step(params, rates[row.name]*float32(scheduleTable[0].factor(step, steps)))
			}
			for i, w := range p.w {
				if math.Abs(float64(w-minimum[i])) > 1e-3 {
					t.Errorf("w[%d] = %v, expected %v", i, w, minimum[i])
				}
			}
		})
	}
}

// TestOptimizerSteps compares the first two steps with values computed by hand from the papers' formulas.
func TestOptimizerSteps(t *testing.T) {
	want := map[string][2]float64{ // w after gradients 2 and 1 at rate 0.1, from w = 1
		"gd":       {0.8, 0.7},
		"sgd":      {0.8, 0.7},
		"momentum": {0.8, 1 - 0.2 - 0.1*2.8},
		"adagrad":  {0.9, 0.9 - 0.1/math.Sqrt(5)},
		"rmsprop":  {1 - 0.1/math.Sqrt(0.1), 1 - 0.1/math.Sqrt(0.1) - 0.1/math.Sqrt(0.9*0.4+0.1)},
		"adam":     {0.9, 0.9 - 0.1*math.Sqrt(1-0.999*0.999)/(1-0.81)*(0.9*0.2+0.1)/math.Sqrt(0.999*0.004+0.001)},
	}
	for _, row := range optimizerTable {
		p := param{w: []float32{1}, g: []float32{0}}
		params := []param{p}
		opt := row.make(params, 0.9)
		for step, g := range []float32{2, 1} {
			p.g[0] = g
			opt.step(params, 0.1)
			if got := float64(p.w[0]); math.Abs(got-want[row.name][step]) > 1e-5 {
				t.Errorf("%s step %d: w = %v, expected %v", row.name, step+1, got, want[row.name][step])
			}
		}
	}
}

func TestSchedules(t *testing.T) {
	for name, want := range map[string][3]float64{"linear": {1, 0.5, 0.1}, "constant": {1, 1, 1}, "step": {1, 0.1, 0.01}} {
		row, err := findSchedule(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range []int{0, 5, 9} {
			if got := row.factor(step, 10); math.Abs(got-want[i]) > 1e-12 {
				t.Errorf("%s at step %d of 10: %v, expected %v", name, step, got, want[i])
			}
		}
	}
}
