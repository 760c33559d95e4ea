//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkConvTranspose has strides above and below the kernel, dilations that share a factor with the stride and that do not, padding, groups,
// depthwise, outputs wider than what the input reaches, bands of rows, and weights given at run time for the convolution back.
func checkConvTranspose(c *checker) {
	for i, k := range []struct{ m, ch, groups, h, w, kh, kw, stride, dilation, pad, extra int }{
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
		{20, 18, 1, 5, 7, 3, 3, 2, 1, 1, 1},
		{5, 3, 1, 4, 19, 4, 4, 2, 1, 1, 0},
		{3, 300, 1, 2, 3, 2, 2, 2, 1, 0, 0},
		{4, 2, 1, 3, 4, 2, 2, 3, 1, 0, 2},
		{16, 16, 1, 6, 6, 3, 3, 2, 2, 2, 1},
		{2, 3, 1, 5, 5, 3, 3, 4, 3, 0, 0},
		{6, 4, 2, 4, 5, 3, 3, 1, 1, 1, 0},
		{19, 19, 19, 4, 9, 3, 3, 2, 1, 1, 1},
		{17, 5, 1, 1, 11, 1, 5, 3, 1, 2, 0},
		{1, 1, 1, 90, 99, 3, 3, 2, 1, 1, 1}, // more rows than are computed at a time
	} {
		s := &kernels.ConvShape{H: k.h, W: k.w, KH: k.kh, KW: k.kw, StrideH: k.stride, StrideW: k.stride, DilationH: k.dilation, DilationW: k.dilation, Left: k.pad}
		if k.kh > 1 {
			s.Top = k.pad
		}
		s.OH, s.OW = (k.h-1)*k.stride+(k.kh-1)*k.dilation+1-2*s.Top, (k.w-1)*k.stride+(k.kw-1)*k.dilation+1-2*s.Left+k.extra
		if k.kh > 1 {
			s.OH += k.extra
		} else {
			s.OH = k.h
		}
		c.name = fmt.Sprintf("%+v", k)
		const batch = 2
		x, got := buffer[float32](c, "x", batch*k.ch*k.h*k.w, i%2 == 1), buffer[float32](c, "dst", batch*k.m*s.OH*s.OW, i%2 == 1)
		w, bias := make([]float32, k.m*k.ch/k.groups*k.kh*k.kw), make([]float32, k.m)
		c.fillF32(x, 1, i%4 == 3)
		c.fillF32(w, 1, i%4 == 2)
		c.fillF32(bias, 1, false)
		p := kernels.PackConv(w, k.m, k.ch, k.groups, k.kh, k.kw)
		nf, ni := p.TransposeScratch(s)
		floats, ints := make([]float32, nf), make([]int64, ni)
		pool := kernels.NewPool(1 + i%2)
		c.run(func() { kernels.ConvTransposeF32(pool, got, x, bias, p, batch, s, floats, ints) })
		testkit.EqualF32(c.t, c.name, got, directConvTranspose(x, w, bias, batch, k.m, k.ch, k.groups, s))

		back := *s
		back.OH, back.OW = (k.h+2*s.Top-(k.kh-1)*k.dilation-1)/k.stride+1, (k.w+2*s.Left-(k.kw-1)*k.dilation-1)/k.stride+1
		if (k.kh-1)*k.dilation < k.h+2*s.Top && (k.kw-1)*k.dilation < k.w+2*s.Left {
			shape := kernels.ConvWeights(k.m, k.ch, k.groups, k.kh, k.kw)
			nf, ni = shape.DynamicScratch(&back)
			floats, ints = make([]float32, nf), make([]int64, ni)
			got = buffer[float32](c, "dst", batch*k.m*back.OH*back.OW, i%2 == 1)
			c.run(func() { kernels.ConvDynamicF32(pool, got, x, w, bias, &shape, batch, &back, floats, ints) })
			testkit.EqualF32(c.t, c.name+", weights at run time", got, directConv(x, w, bias, batch, k.m, k.ch, k.groups, &back))
		}
		pool.Close()
	}
}

// directConvTranspose is the definition of ConvTransposeF32, one output at a time.
func directConvTranspose(x, w, bias []float32, batch, m, ch, groups int, s *kernels.ConvShape) []float32 {
	var out []float32
	cg, mg := ch/groups, m/groups
	perSegment := (256 + 16*s.KH*s.KW - 1) / (16 * s.KH * s.KW) * 16
	for i := range batch * m * s.OH * s.OW {
		n, o, oy, ox := i/(m*s.OH*s.OW), i/(s.OH*s.OW)%m, i/s.OW%s.OH, i%s.OW
		var sum float32
		for first := 0; first < cg; first += perSegment {
			var chain float32
			for block := first; block < min(first+perSegment, cg); block += 16 {
				for t := range s.KH * s.KW {
					ky, kx := t/s.KW, t%s.KW
					iy, ix := oy+s.Top-ky*s.DilationH, ox+s.Left-kx*s.DilationW
					if iy < 0 || ix < 0 || iy%s.StrideH != 0 || ix%s.StrideW != 0 || iy/s.StrideH >= s.H || ix/s.StrideW >= s.W {
						continue
					}
					for c := block; c < min(block+16, cg); c++ {
						chain = kernels.FMAF32(x[((n*ch+o/mg*cg+c)*s.H+iy/s.StrideH)*s.W+ix/s.StrideW], w[((o*cg+c)*s.KH+ky)*s.KW+kx], chain)
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
	return out
}
