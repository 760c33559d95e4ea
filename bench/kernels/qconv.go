package kernelbench

import (
	"fmt"
	"strings"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// qconvLayer is an int8 convolution of one square image: channels in and out, size of the input, kernel, stride, groups.
type qconvLayer struct{ channels, filters, size, kernel, stride, groups int }

// qconvLayers are the distinct layers of ResNet-50, then of MobileNetV2.
var qconvLayers = []qconvLayer{
	{3, 64, 224, 7, 2, 1},
	{64, 64, 56, 1, 1, 1}, {64, 64, 56, 3, 1, 1}, {64, 256, 56, 1, 1, 1}, {256, 64, 56, 1, 1, 1},
	{256, 128, 56, 1, 1, 1}, {128, 128, 56, 3, 2, 1}, {128, 512, 28, 1, 1, 1}, {256, 512, 56, 1, 2, 1}, {512, 128, 28, 1, 1, 1}, {128, 128, 28, 3, 1, 1},
	{512, 256, 28, 1, 1, 1}, {256, 256, 28, 3, 2, 1}, {256, 1024, 14, 1, 1, 1}, {512, 1024, 28, 1, 2, 1}, {1024, 256, 14, 1, 1, 1}, {256, 256, 14, 3, 1, 1},
	{1024, 512, 14, 1, 1, 1}, {512, 512, 14, 3, 2, 1}, {512, 2048, 7, 1, 1, 1}, {1024, 2048, 14, 1, 2, 1}, {2048, 512, 7, 1, 1, 1}, {512, 512, 7, 3, 1, 1},
	{3, 32, 224, 3, 2, 1}, {32, 32, 112, 3, 1, 32}, {32, 16, 112, 1, 1, 1},
	{16, 96, 112, 1, 1, 1}, {96, 96, 112, 3, 2, 96}, {96, 24, 56, 1, 1, 1}, {24, 144, 56, 1, 1, 1}, {144, 144, 56, 3, 1, 144}, {144, 24, 56, 1, 1, 1},
	{144, 144, 56, 3, 2, 144}, {144, 32, 28, 1, 1, 1}, {32, 192, 28, 1, 1, 1}, {192, 192, 28, 3, 1, 192}, {192, 32, 28, 1, 1, 1},
	{192, 192, 28, 3, 2, 192}, {192, 64, 14, 1, 1, 1}, {64, 384, 14, 1, 1, 1}, {384, 384, 14, 3, 1, 384}, {384, 64, 14, 1, 1, 1},
	{384, 96, 14, 1, 1, 1}, {96, 576, 14, 1, 1, 1}, {576, 576, 14, 3, 1, 576}, {576, 96, 14, 1, 1, 1},
	{576, 576, 14, 3, 2, 576}, {576, 160, 7, 1, 1, 1}, {160, 960, 7, 1, 1, 1}, {960, 960, 7, 3, 1, 960}, {960, 160, 7, 1, 1, 1}, {960, 320, 7, 1, 1, 1},
	{320, 1280, 7, 1, 1, 1},
}

// qconv has int8 layers, channels last, u8 in and out. Names are channels, filters, size, kernel, stride. That of a 1×1 is a product.
func qconv() []Case {
	var cases []Case
	for _, l := range qconvLayers {
		op := "qconv"
		if l.groups > 1 {
			op = "qconv_depthwise"
		}
		cases = append(cases, l.to(op, "u8"))
	}
	return append(cases, qconvLayers[2].to("qconv_s32", "s32"), qconvLayers[2].to("qconv_f32", "f32"))
}

// to is the case of a layer with this output.
func (l qconvLayer) to(op, dtype string) Case {
	out := (l.size-1)/l.stride + 1
	weights := l.filters * l.channels / l.groups * l.kernel * l.kernel
	return Case{
		Op:    op,
		Shape: strings.ReplaceAll(fmt.Sprintf("%d %d %d %d %d", l.channels, l.filters, l.size, l.kernel, l.stride), " ", "x"),
		Flops: 2 * float64(weights) * float64(out*out),
		Bytes: float64(weights + l.channels*l.size*l.size + l.filters*out*out),
		peak:  kernels.PeakU8S8,
		slow:  true,
		family: func(t cpu.Tier) string {
			kernel, operands := "conv", "_u8s8"
			if l.groups > 1 {
				return "conv_depthwise_u8s8u8"
			}
			gemm := l.kernel == 1 && l.stride == 1 && l.channels%4 == 0
			switch tiles := kernels.TakesTiles(t, out*out, l.filters, l.kernel*l.kernel*l.channels); {
			case tiles && (gemm || l.kernel*l.channels%64 == 0):
				kernel = "gemm_tile"
			case gemm:
				kernel = "gemm"
			}
			if t >= cpu.AVX2 && t < cpu.VNNI {
				operands = "_s16s8"
			}
			return kernel + operands + dtype
		},
		prepare: func(p *kernels.Pool) func() { return l.prepare(p, out, dtype) },
	}
}

func (l qconvLayer) prepare(pool *kernels.Pool, out int, dtype string) func() {
	w := make([]int16, l.filters*l.channels/l.groups*l.kernel*l.kernel)
	for i := range w {
		w[i] = int16(int8(i * 7919 >> 4))
	}
	x, dst := make([]uint8, l.channels*l.size*l.size), make([]uint8, l.filters*out*out)
	for i := range x {
		x[i] = uint8(i * 7919 >> 3)
	}
	s := &kernels.ConvShape{H: l.size, W: l.size, OH: out, OW: out, KH: l.kernel, KW: l.kernel, StrideH: l.stride, StrideW: l.stride,
		DilationH: 1, DilationW: 1, Top: (l.kernel - 1) / 2, Left: (l.kernel - 1) / 2}
	packed := kernels.PackQConv(w, l.filters, l.channels, l.groups, l.kernel, l.kernel, 1, 1, dtype == "u8")
	bias, _ := packed.ZeroPointBias(nil, 128)
	rq := &kernels.Requant{Bias: bias, Mult: make([]float32, l.filters), ZeroPoint: 128, Hi: 255}
	for i := range rq.Mult {
		rq.Mult[i] = 1e-3
	}
	if packed.Depthwise() {
		rq = packed.NewDepthwiseRequant(rq)
	}
	nb, ni := packed.QConvScratch(s)
	bytes, ints := make([]uint8, nb), make([]int64, ni)
	switch dtype {
	case "s32":
		sums := make([]int32, len(dst))
		return func() { kernels.ConvU8S8S32(pool, sums, x, 128, packed, 1, s, bytes, ints) }
	case "f32":
		floats, dq := make([]float32, len(dst)), &kernels.Dequant{Bias: bias, Scale: rq.Mult}
		return func() { kernels.ConvU8S8F32(pool, floats, x, 128, packed, 1, s, dq, bytes, ints) }
	}
	return func() { kernels.ConvU8S8U8(pool, dst, x, 128, packed, 1, s, rq, bytes, ints) }
}
