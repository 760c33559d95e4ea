//go:build unix

package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkConvTransposePacked compares packed and plain results with directConvTranspose followed by the separate steps of the epilogue: channels
// beyond a segment, part blocks, and more rows than are computed at a time.
func checkConvTransposePacked(c *checker) {
	for i, k := range []struct{ m, ch, h, w, kh, kw int }{
		{1, 24, 5, 7, 2, 2},
		{20, 18, 3, 16, 2, 3},
		{16, 150, 2, 3, 2, 2},
		{3, 1, 1, 1, 3, 1},
		{1, 3, 60, 145, 1, 1},
	} {
		s := &kernels.ConvShape{H: k.h, W: k.w, OH: k.h * k.kh, OW: k.w * k.kw, KH: k.kh, KW: k.kw, StrideH: k.kh, StrideW: k.kw, DilationH: 1, DilationW: 1}
		for variant := range 4 {
			c.name = fmt.Sprintf("%+v, variant %d", k, variant)
			batch := 2
			if k.h*k.w > 4096 {
				batch = 1
			}
			planes, start, pixels := variant < 2, variant%2 == 1, s.OH*s.OW
			x, w, bias := make([]float32, batch*k.ch*k.h*k.w), make([]float32, k.ch*k.m*k.kh*k.kw), make([]float32, k.m)
			c.fillF32(x, 1, variant == 3)
			c.fillF32(w, 1, false)
			c.fillF32(bias, 1, false)
			filters := make([]float32, len(w)) // filters first
			for ch := range k.ch {
				for o := range k.m {
					copy(filters[(o*k.ch+ch)*k.kh*k.kw:], w[(ch*k.m+o)*k.kh*k.kw:][:k.kh*k.kw])
				}
			}
			want := directConvTranspose(x, filters, bias, batch, k.m, k.ch, 1, s)
			e := &kernels.Epilogue{Act: []kernels.Activation{kernels.ActNone, kernels.ActRelu, kernels.ActSigmoid, kernels.ActClip}[variant], Alpha: -0.5, Beta: 0.5}
			e.Activate(want)
			p := kernels.PackTranspose(w, bias, k.ch, k.m, k.kh, k.kw, planes)
			nf, ni := p.Scratch(k.h, k.w)
			floats, ints := buffer[float32](c, "floats", nf, start), make([]int64, ni)
			channels := k.m
			if !planes {
				channels = kernels.ConvBlocks(k.m) * kernels.ConvLanes
			}
			got, in := buffer[float32](c, "dst", batch*channels*pixels, start), c.packed("x", x, batch, k.ch, k.h*k.w, start)
			pool := kernels.NewPool(1 + i%2)
			c.run(func() { kernels.ConvTransposePackedF32(pool, got, in, e, p, batch, k.h, k.w, floats, ints) })
			if !planes {
				got = unpacked(got, batch, k.m, pixels)
			}
			testkit.EqualF32(c.t, c.name, got, want)
			pool.Close()
		}
	}
}
