package kernels

import (
	"slices"
	"testing"
)

// TestAddNorm: a sum and its norm in one have the bits of both steps, alone and on a pool.
func TestAddNorm(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	const eps = 1e-5
	for _, s := range []struct{ rows, cols int }{{1, 1}, {3, 33}, {50, 384}, {2, 5000}} {
		n := s.rows * s.cols
		x, full, scale, bias := randomF32(n), randomF32(n), randomF32(s.cols), randomF32(s.cols)
		for _, y := range [][]float32{full, full[:s.cols]} {
			total, layer, rms := make([]float32, n), make([]float32, n), make([]float32, n)
			for r := range s.rows {
				AddF32(total[r*s.cols:(r+1)*s.cols], x[r*s.cols:(r+1)*s.cols], y[r*s.cols%len(y):][:s.cols])
			}
			LayerNormF32(nil, layer, total, scale, bias, s.rows, s.cols, eps)
			RMSNormF32(nil, rms, total, scale, s.rows, s.cols, eps)
			for _, p := range []*Pool{nil, pool} {
				dst, sum := make([]float32, n), make([]float32, n)
				for _, sum := range [][]float32{nil, sum} {
					AddLayerNormF32(p, dst, sum, x, y, scale, bias, s.rows, s.cols, eps)
					if !slices.Equal(dst, layer) || sum != nil && !slices.Equal(sum, total) {
						t.Errorf("layer norm, %d × %d with %d addends on %d threads differs", s.rows, s.cols, len(y), p.Threads())
					}
					clear(sum)
					AddRMSNormF32(p, dst, sum, x, y, scale, s.rows, s.cols, eps)
					if !slices.Equal(dst, rms) || sum != nil && !slices.Equal(sum, total) {
						t.Errorf("rms norm, %d × %d with %d addends on %d threads differs", s.rows, s.cols, len(y), p.Threads())
					}
				}
			}
		}
	}
}
