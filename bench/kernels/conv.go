package kernelbench

import (
	"fmt"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// layer is a convolution of an image of channels × size × size with padding that keeps the size, but for the stride.
type layer struct{ channels, filters, size, kernel, stride, groups int }

// layers are the distinct convolutions of ResNet-50 (He et al. 2015, stride in the 3×3) and MobileNetV2 (Sandler et al. 2018).
var layers = []layer{
	{3, 64, 224, 7, 2, 1},
	{64, 64, 56, 1, 1, 1}, {64, 64, 56, 3, 1, 1}, {64, 256, 56, 1, 1, 1}, {256, 64, 56, 1, 1, 1},
	{256, 128, 56, 1, 1, 1}, {128, 128, 56, 3, 2, 1}, {128, 512, 28, 1, 1, 1}, {256, 512, 56, 1, 2, 1}, {512, 128, 28, 1, 1, 1}, {128, 128, 28, 3, 1, 1},
	{512, 256, 28, 1, 1, 1}, {256, 256, 28, 3, 2, 1}, {256, 1024, 14, 1, 1, 1}, {512, 1024, 28, 1, 2, 1}, {1024, 256, 14, 1, 1, 1}, {256, 256, 14, 3, 1, 1},
	{1024, 512, 14, 1, 1, 1}, {512, 512, 14, 3, 2, 1}, {512, 2048, 7, 1, 1, 1}, {1024, 2048, 14, 1, 2, 1}, {2048, 512, 7, 1, 1, 1}, {512, 512, 7, 3, 1, 1},

	{3, 32, 224, 3, 2, 1}, {32, 32, 112, 3, 1, 32}, {32, 16, 112, 1, 1, 1}, {16, 96, 112, 1, 1, 1}, {96, 96, 112, 3, 2, 96}, {96, 24, 56, 1, 1, 1},
	{24, 144, 56, 1, 1, 1}, {144, 144, 56, 3, 1, 144}, {144, 24, 56, 1, 1, 1}, {144, 144, 56, 3, 2, 144}, {144, 32, 28, 1, 1, 1},
	{32, 192, 28, 1, 1, 1}, {192, 192, 28, 3, 1, 192}, {192, 32, 28, 1, 1, 1}, {192, 192, 28, 3, 2, 192}, {192, 64, 14, 1, 1, 1},
	{64, 384, 14, 1, 1, 1}, {384, 384, 14, 3, 1, 384}, {384, 64, 14, 1, 1, 1}, {384, 96, 14, 1, 1, 1}, {96, 576, 14, 1, 1, 1}, {576, 576, 14, 3, 1, 576},
	{576, 96, 14, 1, 1, 1}, {576, 576, 14, 3, 2, 576}, {576, 160, 7, 1, 1, 1}, {160, 960, 7, 1, 1, 1}, {960, 960, 7, 3, 1, 960}, {960, 160, 7, 1, 1, 1},
	{960, 320, 7, 1, 1, 1}, {320, 1280, 7, 1, 1, 1},
}

func (l layer) String() string {
	return fmt.Sprintf("%dx%dx%dx%d", l.channels, l.filters, l.size, l.kernel) + map[int]string{1: "", 2: "s2"}[l.stride]
}

func (l layer) shape() *kernels.ConvShape {
	out := (l.size + l.stride - 1) / l.stride
	return &kernels.ConvShape{H: l.size, W: l.size, OH: out, OW: out, KH: l.kernel, KW: l.kernel, StrideH: l.stride, StrideW: l.stride,
		DilationH: 1, DilationW: 1, Top: l.kernel / 2, Left: l.kernel / 2}
}

// conv has every layer in the packed-channel layout, one image with bias and ReLU, and three between plain images. Names are input channels ×
// output channels × height of the input × kernel.
func conv() []Case {
	var cases []Case
	for _, l := range layers {
		cases = append(cases, l.packed())
	}
	for _, l := range []layer{{3, 64, 224, 7, 2, 1}, {64, 64, 56, 3, 1, 1}, {256, 64, 56, 1, 1, 1}} {
		cases = append(cases, l.planes())
	}
	return append(cases, maxPool())
}

// maxPool is the one of ResNet-50.
func maxPool() Case {
	l := layer{64, 64, 112, 3, 2, 1}
	s := l.shape()
	return Case{
		Op: "max_pool_f32", Shape: l.String(), Bytes: 4 * float64(l.channels*(s.H*s.W+s.OH*s.OW)),
		family: func(cpu.Tier) string { return "max_pool_f32" },
		prepare: func(p *kernels.Pool) func() {
			planes := kernels.ConvBlocks(l.channels)
			x, dst := randomF32(planes*s.H*s.W*kernels.ConvLanes), make([]float32, planes*s.OH*s.OW*kernels.ConvLanes)
			ints := make([]int64, kernels.PoolScratch(planes, s))
			return func() { kernels.MaxPoolPackedF32(p, dst, x, planes, s, ints) }
		},
	}
}

func (l layer) family() string {
	if l.groups > 1 {
		return "conv_depthwise_f32"
	}
	return "conv_f32"
}

func (l layer) describe(op string) Case {
	weights := l.filters * l.channels / l.groups * l.kernel * l.kernel
	s := l.shape()
	return Case{
		Op: op, Shape: l.String(),
		Flops:  2 * float64(weights) * float64(s.OH*s.OW),
		Bytes:  4 * float64(weights+l.channels*s.H*s.W+l.filters*s.OH*s.OW),
		peak:   kernels.PeakF32,
		slow:   weights*s.OH*s.OW > 1<<22,
		family: func(cpu.Tier) string { return l.family() },
	}
}

// weights are packed as an operator does it.
func (l layer) weights() *kernels.PackedConv {
	w := randomF32(l.filters * l.channels / l.groups * l.kernel * l.kernel)
	if kernels.ConvWinograd(l.filters, l.channels, l.groups, l.kernel, l.kernel, l.stride, l.stride, 1, 1) {
		return kernels.PackWinograd(w, l.filters, l.channels)
	}
	return kernels.PackConv(w, l.filters, l.channels, l.groups, l.kernel, l.kernel)
}

func (l layer) packed() Case {
	c := l.describe(l.family())
	c.prepare = func(p *kernels.Pool) func() {
		s, w := l.shape(), l.weights()
		dst, bias := make([]float32, kernels.ConvBlocks(l.filters)*s.OH*s.OW*kernels.ConvLanes), randomF32(l.filters)
		nf, ni := w.PooledScratch(p, s)
		if l.channels < kernels.ConvLanes {
			nf, ni = w.PlaneScratch(p, s)
		}
		floats, ints := make([]float32, nf), make([]int64, ni)
		relu := &kernels.Epilogue{Act: kernels.ActRelu}
		if l.channels < kernels.ConvLanes {
			x := randomF32(l.channels * s.H * s.W)
			return func() { kernels.ConvFromPlanesF32(p, dst, x, bias, relu, w, 1, s, floats, ints) }
		}
		x := randomF32(kernels.ConvBlocks(l.channels) * s.H * s.W * kernels.ConvLanes)
		return func() { kernels.ConvPackedF32(p, dst, x, bias, relu, w, 1, s, floats, ints) }
	}
	return c
}

func (l layer) planes() Case {
	c := l.describe("conv_f32_planes")
	c.prepare = func(p *kernels.Pool) func() {
		s, w := l.shape(), l.weights()
		nf, ni := w.ConvScratch(s)
		x, dst, bias := randomF32(l.channels*s.H*s.W), make([]float32, l.filters*s.OH*s.OW), randomF32(l.filters)
		floats, ints := make([]float32, nf), make([]int64, ni)
		return func() { kernels.ConvF32(p, dst, x, bias, w, 1, s, floats, ints) }
	}
	return c
}
