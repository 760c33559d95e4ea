package quant

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// bins of the histogram from which a range is chosen: 16 per step of s8 at the full range.
const bins = 4096

// ranger finds the range of one activation in two passes: first the extremes, then a histogram between them.
type ranger struct {
	lo, hi    float32
	histogram [bins]int64
}

func (r *ranger) extend(x []float32) error {
	for _, v := range x {
		if v-v != 0 {
			return fmt.Errorf("a value of %v, expected a finite number: %w", v, graph.ErrInput)
		}
		r.lo, r.hi = min(r.lo, v), max(r.hi, v)
	}
	return nil
}

func (r *ranger) count(x []float32) {
	width := (float64(r.hi) - float64(r.lo)) / bins
	if width == 0 {
		return
	}
	for _, v := range x {
		r.histogram[min(bins-1, int((float64(v)-float64(r.lo))/width))]++
	}
}

// clips are the shares of the full range tried; a few outliers should not cost everyone else precision.
var clips = []float64{1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2}

// choose shrinks the range to the share with the least mean squared error of rounding and clipping.
func (r *ranger) choose() {
	width := (float64(r.hi) - float64(r.lo)) / bins
	best, bestError := 1.0, math.Inf(1)
	for _, clip := range clips {
		lo, hi := float64(float64(r.lo)*clip), float64(float64(r.hi)*clip)
		step := (hi - lo) / 255
		total := 0.0
		for i, n := range r.histogram {
			v := float64(r.lo) + float64((float64(i)+0.5)*width)
			e := step * step / 12 // uniform rounding error
			if over := math.Max(lo-v, v-hi); over > 0 {
				e += float64(over * over)
			}
			total += float64(float64(n) * e)
		}
		if total < bestError {
			best, bestError = clip, total
		}
	}
	r.lo, r.hi = float32(float64(r.lo)*best), float32(float64(r.hi)*best)
}

// params are scale and s8 zero point such that [lo, hi], which contains 0, fills [-128, 127] and 0 is exact.
func (r *ranger) params() (scale float32, zero int8) {
	scale = float32((float64(r.hi) - float64(r.lo)) / 255)
	if !(scale > 0) {
		return 1, 0
	}
	z := math.RoundToEven(-128 - float64(r.lo)/float64(scale))
	return scale, int8(math.Max(-128, math.Min(127, z)))
}

// calibrate runs the float model twice over the samples with the activations that have ranges of their own as extra outputs.
func calibrate(m *graph.Model, acts *activations, samples [][]*tensor.Tensor, progress func(done, total int)) error {
	watched := m.Clone()
	for _, name := range acts.watched {
		watched.Graph.Outputs = append(watched.Graph.Outputs, graph.Value{Name: name})
	}
	p, err := plan.Compile(watched, plan.Options{})
	if err != nil {
		return err
	}
	outputs := p.NewOutputs()
	done := 0
	for pass := range 2 {
		for _, in := range samples {
			if err := p.Run(in, outputs); err != nil {
				return fmt.Errorf("calibration: %w", err)
			}
			for i, name := range acts.watched {
				values := tensor.Data[float32](outputs[len(m.Graph.Outputs)+i])
				if pass == 1 {
					acts.of[name].count(values)
				} else if err := acts.of[name].extend(values); err != nil {
					return fmt.Errorf("calibration: value %q: %w", name, err)
				}
			}
			if done++; progress != nil {
				progress(done, 2*len(samples))
			}
		}
	}
	for _, name := range acts.watched {
		acts.of[name].choose()
	}
	return nil
}
