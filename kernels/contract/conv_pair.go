package contract

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// checkConvPair compares with the two convolutions one after the other: images of one band and of many, strides, windows beyond the padding,
// and a second one that is not depthwise.
func checkConvPair(c *checker) {
	for i, k := range []struct{ batch, ch, mid, m, groups, h, w, k, stride, pad int }{
		{2, 3, 20, 20, 20, 5, 9, 3, 1, 1}, {2, 5, 96, 96, 96, 60, 40, 3, 2, 1}, {1, 5, 32, 32, 32, 180, 40, 5, 1, 2}, {2, 17, 96, 18, 1, 60, 40, 3, 1, 0},
		{2, 5, 200, 200, 200, 60, 40, 2, 3, 1},
	} {
		c.name = fmt.Sprintf("%+v", k)
		batch := k.batch
		s := &kernels.ConvShape{H: k.h, W: k.w, KH: k.k, KW: k.k, StrideH: k.stride, StrideW: k.stride, DilationH: 1, DilationW: 1, Top: k.pad, Left: k.pad}
		s.OH, s.OW = (k.h+2*k.pad-k.k)/k.stride+1, (k.w+2*k.pad-k.k)/k.stride+1
		one := &kernels.ConvShape{H: k.h, W: k.w, OH: k.h, OW: k.w, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
		plain, wp, wq := make([]float32, batch*k.ch*k.h*k.w), make([]float32, k.mid*k.ch), make([]float32, k.m*k.mid/k.groups*k.k*k.k)
		biasP, biasQ := make([]float32, k.mid), make([]float32, k.m)
		for _, v := range [][]float32{plain, wp, wq, biasP, biasQ} {
			c.fillF32(v, 1, false)
		}
		p, q := kernels.PackConv(wp, k.mid, k.ch, 1, 1, 1), kernels.PackConv(wq, k.m, k.mid, k.groups, k.k, k.k)
		e, f := &kernels.Epilogue{Act: kernels.ActSilu}, &kernels.Epilogue{Act: kernels.ActClip, Beta: 0.5}
		x, pool := c.packed("x", plain, batch, k.ch, k.h*k.w, i%2 == 0), kernels.NewPool(1+i%2)
		pf, pi := p.PackedScratch(one)
		qf, qi := q.PackedScratch(s)
		between := make([]float32, batch*kernels.ConvBlocks(k.mid)*k.h*k.w*kernels.ConvLanes)
		want := make([]float32, batch*kernels.ConvBlocks(k.m)*s.OH*s.OW*kernels.ConvLanes)
		kernels.ConvPackedF32(nil, between, x, biasP, e, p, batch, one, make([]float32, pf), make([]int64, pi))
		kernels.ConvPackedF32(nil, want, between, biasQ, f, q, batch, s, make([]float32, qf), make([]int64, qi))
		got := buffer[float32](c, "dst", len(want), i%2 == 0)
		floats, ints := p.PooledPairScratch(pool, q, s)
		sf, si := make([]float32, floats), make([]int64, ints)
		c.run(func() { kernels.ConvPairF32(pool, got, x, biasP, biasQ, e, f, p, q, batch, s, sf, si) })
		pool.Close()
		testkit.EqualF32(c.t, c.name, unpacked(got, batch, k.m, s.OH*s.OW), unpacked(want, batch, k.m, s.OH*s.OW))
	}
}
