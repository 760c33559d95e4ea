package kernelbench

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// transpose has a head's keys, a layer's activations and a matrix larger than the second-level cache.
func transpose() []Case {
	var cases []Case
	for _, s := range []struct{ rows, cols int }{{128, 32}, {128, 384}, {1024, 1024}} {
		cases = append(cases, Case{
			Op: "transpose_f32", Shape: fmt.Sprintf("%dx%d", s.rows, s.cols), Bytes: float64(8 * s.rows * s.cols),
			family: func(cpu.Tier) string { return "transpose_f32" },
			prepare: func(*kernels.Pool) func() {
				x, dst := randomF32(s.rows*s.cols), make([]float32, s.rows*s.cols)
				return func() { kernels.TransposeF32(dst, x, s.rows, s.cols, s.rows, s.cols) }
			},
		})
	}
	return append(cases, packTall()...)
}

// packTall has a tile of the rows that products with packed weights read: 28 of a segment of 256.
func packTall() []Case {
	const rows, cols = 28, 256
	for _, d := range kernels.Dispatchers() {
		f, ok := d.Func.(func(dst, src []float32, rows, cols, ldd, lds int))
		if !ok || d.Family != "pack_tall_f32" {
			continue
		}
		return []Case{{
			Op: d.Family, Shape: fmt.Sprintf("%dx%d", rows, cols), Bytes: 8 * rows * cols,
			family: func(cpu.Tier) string { return d.Family },
			prepare: func(*kernels.Pool) func() {
				x, dst := randomF32(rows*cols), make([]float32, rows*cols)
				return func() { f(dst, x, rows, cols, rows, cols) }
			},
		}}
	}
	return nil
}
