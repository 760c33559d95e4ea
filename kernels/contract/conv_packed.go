//go:build unix

package contract

import (
	"fmt"
	"math"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// packed returns x [batch × channels × pixels] in the packed-channel layout, in a guarded buffer. Lanes without a channel hold NaN: nothing
// may depend on them.
func (c *checker) packed(operand string, x []float32, batch, channels, pixels int, atStart bool) []float32 {
	p := buffer[float32](c, operand, batch*kernels.ConvBlocks(channels)*pixels*kernels.ConvLanes, atStart)
	kernels.PackChannelsF32(nil, p, x, batch, channels, pixels)
	for i := range p {
		block, lane := i/(pixels*kernels.ConvLanes), i%kernels.ConvLanes
		if block%kernels.ConvBlocks(channels)*kernels.ConvLanes+lane >= channels {
			p[i] = float32(math.NaN())
		}
	}
	return p
}

func unpacked(x []float32, batch, channels, pixels int) []float32 {
	out := make([]float32, batch*channels*pixels)
	kernels.UnpackChannelsF32(nil, out, x, batch, channels, pixels)
	return out
}

// packedShapes has rows of every rest of a tile, tiles whose first, last or both pixels lack a tap, pixels that lack several, images of one
// pixel, kernels larger than the image, and several segments, blocks and groups.
var packedShapes = []struct {
	m, ch, groups, h, w, kh, kw, stride, dilation, pad int
}{
	{16, 16, 1, 1, 1, 1, 1, 1, 1, 0},
	{33, 20, 1, 7, 7, 3, 3, 1, 1, 1},
	{48, 5, 1, 3, 29, 3, 3, 1, 1, 1},
	{64, 48, 1, 14, 14, 1, 1, 1, 1, 0},
	{40, 300, 1, 5, 3, 1, 1, 1, 1, 0},
	{20, 34, 1, 9, 16, 3, 3, 2, 1, 1},
	{32, 3, 1, 21, 31, 7, 7, 2, 1, 3},
	{16, 18, 1, 5, 5, 5, 5, 1, 1, 2},
	{16, 18, 1, 6, 23, 3, 3, 1, 3, 3},
	{17, 17, 1, 1, 1, 3, 3, 1, 1, 1},
	{17, 17, 1, 2, 2, 3, 3, 1, 1, 3},
	{32, 64, 2, 4, 15, 3, 3, 1, 1, 1},
	{50, 50, 50, 9, 33, 3, 3, 1, 1, 1},
	{32, 32, 32, 7, 7, 3, 3, 2, 1, 1},
	{19, 19, 19, 5, 13, 5, 5, 1, 2, 4},
	{16, 40, 1, 1, 57, 1, 3, 1, 1, 1},
	{16, 16, 16, 1, 30, 1, 9, 1, 1, 8},
	{16, 16, 1, 8, 8, 1, 1, 2, 1, 0},
	{277, 277, 277, 3, 4, 3, 3, 1, 1, 1},
	{64, 20, 1, 3, 16, 3, 3, 1, 1, 1}, // from here on four output blocks at a time
	{70, 33, 1, 2, 23, 3, 3, 1, 3, 3},
	{64, 16, 1, 1, 30, 1, 9, 1, 1, 8},
	{112, 17, 1, 1, 37, 1, 2, 2, 1, 1},
	{64, 300, 1, 1, 1, 1, 1, 1, 1, 0},
	{64, 16, 1, 1, 2, 1, 1, 1, 1, 0},
	{80, 16, 1, 1, 9, 1, 1, 1, 1, 0},
	{48, 40, 1, 57, 1, 5, 1, 1, 1, 2}, // from here on images of one column
	{64, 20, 1, 31, 1, 3, 1, 2, 1, 1},
	{17, 33, 1, 23, 1, 3, 1, 1, 3, 4},
	{32, 3, 1, 1, 1, 5, 1, 1, 1, 2},
	{20, 20, 20, 40, 1, 9, 1, 1, 1, 8},
	{32, 64, 2, 19, 1, 2, 1, 2, 2, 0},
	{40, 129, 1, 1, 4, 1, 3, 1, 1, 1}, // from here on more images of short rows
	{64, 20, 1, 1, 4, 1, 3, 2, 1, 1},
	{34, 1, 1, 1, 40, 1, 16, 8, 1, 0},
	{32, 64, 2, 2, 3, 2, 3, 1, 1, 1},
	{20, 17, 1, 2, 3, 1, 1, 1, 1, 0},
}

// packedBatch is 2, or, where rows are short, enough images for tiles made of them.
func packedBatch(s *kernels.ConvShape) int {
	if s.OH*s.OW <= 16 {
		return 29
	}
	return 2
}

func packedShape(i int) (*kernels.ConvShape, bool) {
	k := packedShapes[i]
	s := &kernels.ConvShape{H: k.h, W: k.w, KH: k.kh, KW: k.kw, StrideH: k.stride, StrideW: k.stride, DilationH: k.dilation, DilationW: k.dilation}
	if k.kh > 1 {
		s.Top = k.pad
	}
	if k.kw > 1 {
		s.Left = k.pad
	}
	s.OH = (k.h+2*s.Top-(k.kh-1)*k.dilation-1)/k.stride + 1
	s.OW = (k.w+2*s.Left-(k.kw-1)*k.dilation-1)/k.stride + 1
	return s, s.OH > 0 && s.OW > 0
}

// checkConvPacked compares with directConv followed by the separate operators of the epilogue.
func checkConvPacked(c *checker) {
	for i, k := range packedShapes {
		s, ok := packedShape(i)
		if !ok {
			c.t.Fatalf("%+v does not fit", k)
		}
		for variant := range 4 {
			c.name = fmt.Sprintf("%+v, variant %d", k, variant)
			batch, start, pixels := packedBatch(s), variant%2 == 1, s.OH*s.OW
			x, w, bias, residual := make([]float32, batch*k.ch*k.h*k.w), make([]float32, k.m*k.ch/k.groups*k.kh*k.kw), make([]float32, k.m), make([]float32, batch*k.m*pixels)
			c.fillF32(x, 1, variant == 3)
			c.fillF32(w, 1, variant == 2 && i%2 == 0)
			for _, v := range [][]float32{bias, residual} {
				c.fillF32(v, 1, false)
			}
			e := &kernels.Epilogue{Act: []kernels.Activation{kernels.ActNone, kernels.ActRelu, kernels.ActClip, kernels.ActSilu}[variant], Alpha: -0.5, Beta: 0.75, Affine: variant >= 2, Scale: 1.5, Shift: 0.25}
			want := directConv(x, w, bias, batch, k.m, k.ch, k.groups, s)
			if variant%2 == 1 {
				kernels.AddF32(want, want, residual)
				e.Residual = c.packed("residual", residual, batch, k.m, pixels, start)
			}
			switch e.Act {
			case kernels.ActRelu:
				kernels.ReluF32(want, want)
			case kernels.ActClip:
				kernels.ClipF32(want, want, e.Alpha, e.Beta)
			case kernels.ActSilu:
				kernels.SiluF32(want, want)
			}
			if e.Affine {
				kernels.AffineF32(want, want, 0, e.Scale, e.Shift)
			}
			p := kernels.PackConv(w, k.m, k.ch, k.groups, k.kh, k.kw)
			got := buffer[float32](c, "dst", batch*kernels.ConvBlocks(k.m)*pixels*kernels.ConvLanes, start)
			packedFloats, taps := p.PackedScratch(s)
			planeFloats, _ := p.PlaneScratch(nil, s)
			floats, ints := make([]float32, max(packedFloats, planeFloats)), make([]int64, taps)
			in := c.packed("x", x, batch, k.ch, k.h*k.w, start)
			pool := kernels.NewPool(1 + variant%2)
			c.run(func() { kernels.ConvPackedF32(pool, got, in, bias, e, p, batch, s, floats, ints) })
			testkit.EqualF32(c.t, c.name, unpacked(got, batch, k.m, pixels), want)
			clear(got)
			planes := buffer[float32](c, "x", len(x), start)
			copy(planes, x)
			c.run(func() { kernels.ConvFromPlanesF32(pool, got, planes, bias, e, p, batch, s, floats, ints) })
			testkit.EqualF32(c.t, c.name+", plain input", unpacked(got, batch, k.m, pixels), want)
			pool.Close()
		}
	}
}

// checkPoolPacked compares with the plain pooling kernels.
func checkPoolPacked(c *checker) {
	for i, k := range packedShapes {
		s, _ := packedShape(i)
		const batch = 2
		planes := batch * kernels.ConvBlocks(k.ch)
		for _, special := range []bool{false, true} {
			x := make([]float32, batch*k.ch*k.h*k.w)
			c.fillF32(x, 1, special)
			in := c.packed("x", x, batch, k.ch, k.h*k.w, special)
			want, got := make([]float32, batch*k.ch*s.OH*s.OW), buffer[float32](c, "dst", planes*s.OH*s.OW*kernels.ConvLanes, special)
			ints := make([]int64, kernels.PoolScratch(planes, s))
			c.name = fmt.Sprintf("maximum of %+v", k)
			kernels.MaxPoolF32(want, x, batch*k.ch, s)
			c.run(func() { kernels.MaxPoolPackedF32(nil, got, in, planes, s, ints) })
			testkit.EqualF32(c.t, c.name, unpacked(got, batch, k.ch, s.OH*s.OW), want)
			for _, pad := range []int{-1, k.pad} {
				padH, padW := -1, -1
				if pad >= 0 {
					padH, padW = s.H+2*s.Top, s.W+2*s.Left
				}
				c.name = fmt.Sprintf("average of %+v, padded %d", k, pad)
				kernels.AveragePoolF32(want, x, batch*k.ch, s, padH, padW)
				c.run(func() { kernels.AveragePoolPackedF32(nil, got, in, planes, s, padH, padW, ints) })
				testkit.EqualF32(c.t, c.name, unpacked(got, batch, k.ch, s.OH*s.OW), want)
			}
		}
	}
	for _, pixels := range []int{1, 15, 63, 64, 65, 129, 4095, 4096, 4097, 8190} {
		const batch, channels = 1, 19
		x, want := make([]float32, batch*channels*pixels), make([]float32, batch*channels)
		c.fillF32(x, 1, pixels%2 == 0)
		in, got := c.packed("global", x, batch, channels, pixels, pixels%2 == 0), buffer[float32](c, "dst", batch*2*kernels.ConvLanes, pixels%2 == 0)
		for _, r := range []kernels.Reduction{kernels.ReduceSum, kernels.ReduceMax} {
			c.name = fmt.Sprintf("reduction %d of %d pixels", r, pixels)
			kernels.ReduceF32(r, want, x, batch*channels, pixels, 1, nil)
			c.run(func() { kernels.GlobalPoolPackedF32(r, got, in, batch*2, pixels) })
			testkit.EqualF32(c.t, c.name, unpacked(got, batch, channels, 1), want)
		}
		scale, shift := make([]float32, channels), make([]float32, channels)
		c.fillF32(scale, 1, false)
		c.fillF32(shift, 1, false)
		c.name = fmt.Sprintf("batch norm of %d pixels", pixels)
		all, normed := make([]float32, len(x)), buffer[float32](c, "normed", len(in), pixels%2 == 0)
		kernels.BatchNormF32(all, x, scale, shift, batch, channels, pixels)
		b := kernels.PackBatchNorm(scale, shift)
		c.run(func() { kernels.BatchNormPackedF32(normed, in, b, batch, pixels) })
		testkit.EqualF32(c.t, c.name, unpacked(normed, batch, channels, pixels), all)
	}
}
