//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkConv covers one and several channel blocks and segments, partial ones, strides, dilation, padding wider than the kernel, groups,
// depthwise, one row, and every rest of a block of pixels.
func checkConv(c *checker) {
	for i, k := range []struct {
		m, ch, groups, h, w, kh, kw, stride, dilation, pad int
	}{
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 0},
		{16, 16, 1, 4, 5, 3, 3, 1, 1, 1},
		{17, 3, 1, 9, 15, 3, 3, 2, 1, 1},
		{5, 33, 1, 6, 13, 3, 3, 1, 2, 2},
		{18, 40, 1, 3, 27, 1, 1, 1, 1, 0},
		{4, 300, 1, 2, 14, 1, 1, 2, 1, 0},
		{6, 8, 2, 5, 7, 3, 3, 1, 1, 1},
		{19, 19, 19, 7, 13, 3, 3, 1, 1, 1},
		{16, 16, 16, 8, 26, 5, 5, 2, 1, 4},
		{8, 4, 4, 4, 4, 3, 3, 1, 1, 1},
		{16, 7, 1, 1, 41, 1, 7, 1, 1, 3},
		{3, 2, 1, 2, 2, 3, 3, 1, 3, 6},
	} {
		s := &kernels.ConvShape{H: k.h, W: k.w, KH: k.kh, KW: k.kw, StrideH: k.stride, StrideW: k.stride, DilationH: k.dilation, DilationW: k.dilation, Left: k.pad}
		if k.kh > 1 {
			s.Top = k.pad
		}
		s.OH = (k.h+2*s.Top-(k.kh-1)*k.dilation-1)/k.stride + 1
		s.OW = (k.w+2*s.Left-(k.kw-1)*k.dilation-1)/k.stride + 1
		c.name = fmt.Sprintf("%+v", k)
		const batch = 2
		x, got := buffer[float32](c, "x", batch*k.ch*k.h*k.w, i%2 == 1), buffer[float32](c, "dst", batch*k.m*s.OH*s.OW, i%2 == 1)
		w, bias := make([]float32, k.m*k.ch/k.groups*k.kh*k.kw), make([]float32, k.m)
		c.fillF32(x, 1, i%4 == 3)
		c.fillF32(w, 1, i%4 == 2)
		c.fillF32(bias, 1, false)
		p := kernels.PackConv(w, k.m, k.ch, k.groups, k.kh, k.kw)
		nf, ni := p.ConvScratch(s)
		floats, ints := make([]float32, nf), make([]int64, ni)
		want := directConv(x, w, bias, batch, k.m, k.ch, k.groups, s)
		pool := kernels.NewPool(1 + i%2)
		c.run(func() { kernels.ConvF32(pool, got, x, bias, p, batch, s, floats, ints) })
		pool.Close()
		testkit.EqualF32(c.t, c.name, got, want)
	}
}

// directConv is the definition of ConvF32, one output at a time.
func directConv(x, w, bias []float32, batch, m, ch, groups int, s *kernels.ConvShape) []float32 {
	var out []float32
	cg, mg := ch/groups, m/groups
	perSegment := (256 + 16*s.KH*s.KW - 1) / (16 * s.KH * s.KW) * 16
	for n := range batch {
		for o := range m {
			for oy := range s.OH {
				for ox := range s.OW {
					var sum float32
					for first := 0; first < cg; first += perSegment {
						var chain float32
						for block := first; block < min(first+perSegment, cg); block += 16 {
							for ky := range s.KH {
								for kx := range s.KW {
									iy, ix := oy*s.StrideH-s.Top+ky*s.DilationH, ox*s.StrideW-s.Left+kx*s.DilationW
									if iy < 0 || iy >= s.H || ix < 0 || ix >= s.W {
										continue
									}
									for c := block; c < min(block+16, cg); c++ {
										chain = kernels.FMAF32(x[((n*ch+o/mg*cg+c)*s.H+iy)*s.W+ix], w[((o*cg+c)*s.KH+ky)*s.KW+kx], chain)
									}
								}
							}
						}
						if first == 0 {
							sum = chain
						} else {
							sum += chain
						}
					}
					out = append(out, sum+bias[o])
				}
			}
		}
	}
	return out
}
