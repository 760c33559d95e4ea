//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkWinograd has images of one pixel, of whole and of partial tiles, more rows than are computed together, channels of several segments,
// padding of none and more than the kernel's.
func checkWinograd(c *checker) {
	for i, k := range []struct{ m, ch, h, w, top, left, oh, ow int }{
		{16, 16, 1, 1, 1, 1, 1, 1},
		{33, 20, 7, 9, 1, 1, 7, 9},
		{5, 300, 4, 4, 1, 1, 4, 4},
		{17, 7, 6, 5, 0, 0, 4, 3},
		{16, 16, 3, 130, 1, 1, 3, 130},
		{2, 3, 70, 6, 1, 2, 70, 7},
		{3, 2, 4, 3, 5, 4, 12, 9},
	} {
		s := &kernels.ConvShape{H: k.h, W: k.w, OH: k.oh, OW: k.ow, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Top: k.top, Left: k.left}
		for variant := range 3 {
			c.name = fmt.Sprintf("%+v, variant %d", k, variant)
			const batch = 2
			start, pixels := variant%2 == 1, s.OH*s.OW
			x, w, bias, residual := make([]float32, batch*k.ch*k.h*k.w), make([]float32, k.m*k.ch*9), make([]float32, k.m), make([]float32, batch*k.m*pixels)
			c.fillF32(x, 1, variant == 2)
			for _, v := range [][]float32{w, bias, residual} {
				c.fillF32(v, 1, false)
			}
			e := &kernels.Epilogue{Act: []kernels.Activation{kernels.ActNone, kernels.ActRelu, kernels.ActTanh}[variant], Affine: variant == 2, Scale: 1.5, Shift: 0.25}
			want := directWinograd(x, w, bias, batch, k.m, k.ch, s)
			switch e.Act {
			case kernels.ActRelu:
				e.Residual = c.packed("residual", residual, batch, k.m, pixels, start)
				kernels.AddF32(want, want, residual)
				kernels.ReluF32(want, want)
			case kernels.ActTanh:
				kernels.TanhF32(want, want)
				kernels.AffineF32(want, want, 0, e.Scale, e.Shift)
			}
			p := kernels.PackWinograd(w, k.m, k.ch)
			got, in := buffer[float32](c, "dst", batch*kernels.ConvBlocks(k.m)*pixels*kernels.ConvLanes, start), c.packed("x", x, batch, k.ch, k.h*k.w, start)
			pool := kernels.NewPool(1 + i%2)
			nf, ni := p.PooledScratch(pool, s)
			floats, ints := buffer[float32](c, "floats", nf, start), make([]int64, ni)
			c.run(func() { kernels.ConvPackedF32(pool, got, in, bias, e, p, batch, s, floats, ints) })
			testkit.EqualF32(c.t, c.name, unpacked(got, batch, k.m, pixels), want)
			pool.Close()
		}
	}
}

// directWinograd is the definition of F(4×4, 3×3), one output tile at a time.
func directWinograd(x, w, bias []float32, batch, m, ch int, s *kernels.ConvShape) []float32 {
	out := make([]float32, batch*m*s.OH*s.OW)
	fma := kernels.FMAF32
	in := func(d [6]float32) [6]float32 {
		a, b, e, f := fma(-9./4, d[2], d[4]), fma(-9./4, d[1], d[3]), fma(-9./16, d[2], d[4]), fma(-9./16, d[1], d[3])
		return [6]float32{fma(81./64, d[0], fma(-45./16, d[2], d[4])), fma(0.75, b, a), fma(-0.75, b, a), fma(1.5, f, e), fma(-1.5, f, e),
			fma(81./64, d[1], fma(-45./16, d[3], d[5]))}
	}
	back := func(v [6]float32) [6]float32 {
		a, b, p, q := v[1]+v[2], v[1]-v[2], v[3]+v[4], v[3]-v[4]
		return [6]float32{(v[0] + a) + p, fma(1.5, q, 0.75*b), fma(9./4, p, 9./16*a), fma(27./8, q, 27./64*b) + v[5]}
	}
	weights := make([][36]float32, m*ch)
	for i := range weights {
		var g [6][3]float64
		for k, p := range [5]struct{ at, product float64 }{{0, 81. / 64}, {0.75, -243. / 128}, {-0.75, -243. / 128}, {1.5, 243. / 32}, {-1.5, 243. / 32}} {
			g[k] = [3]float64{1 / p.product, p.at / p.product, p.at * p.at / p.product}
		}
		g[5][2] = 1
		for t := range 36 {
			var sum float64
			for k := range 9 {
				sum += float64(float64(g[t/6][k/3]*g[t%6][k%3]) * float64(w[9*i+k]))
			}
			weights[i][t] = float32(sum)
		}
	}
	down, across := (s.OH+3)/4, (s.OW+3)/4
	for tile := range batch * down * across {
		n, ty, tx := tile/(down*across), tile/across%down, tile%across
		patches := make([][36]float32, ch)
		for c := range patches {
			var d [36]float32
			for t := range d {
				iy, ix := 4*ty+t/6-s.Top, 4*tx+t%6-s.Left
				if iy >= 0 && iy < s.H && ix >= 0 && ix < s.W {
					d[t] = x[((n*ch+c)*s.H+iy)*s.W+ix]
				}
			}
			patches[c] = twice(d, in)
		}
		for o := range m {
			var product [36]float32
			for t := range product {
				for first := 0; first < ch; first += 256 {
					var chain float32
					for c := first; c < min(first+256, ch); c++ {
						chain = fma(patches[c][t], weights[o*ch+c][t], chain)
					}
					if first == 0 {
						product[t] = chain
					} else {
						product[t] += chain
					}
				}
			}
			y := twice(product, back)
			for t := range 16 {
				if oy, ox := 4*ty+t/4, 4*tx+t%4; oy < s.OH && ox < s.OW {
					out[((n*m+o)*s.OH+oy)*s.OW+ox] = y[t/4*6+t%4] + bias[o]
				}
			}
		}
	}
	return out
}

// twice applies f to the columns, then to the rows.
func twice(d [36]float32, f func([6]float32) [6]float32) [36]float32 {
	for c := range 6 {
		var column [6]float32
		for r := range column {
			column[r] = d[r*6+c]
		}
		for r, v := range f(column) {
			d[r*6+c] = v
		}
	}
	for r := range 6 {
		row := f([6]float32(d[6*r : 6*r+6]))
		copy(d[6*r:], row[:])
	}
	return d
}
