package kernels

import (
	"fmt"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
)

// BenchmarkConv runs layers of ResNet-50 and MobileNetV2 at batch 1, packing of input and output included.
func BenchmarkConv(b *testing.B) {
	for _, l := range []struct{ c, m, groups, size, k, stride int }{
		{3, 64, 1, 224, 7, 2}, {64, 64, 1, 56, 1, 1}, {64, 64, 1, 56, 3, 1}, {256, 64, 1, 56, 1, 1}, {128, 128, 1, 28, 3, 1},
		{256, 256, 1, 14, 3, 1}, {1024, 256, 1, 14, 1, 1}, {512, 512, 1, 7, 3, 1}, {96, 96, 96, 112, 3, 2}, {384, 384, 384, 14, 3, 1},
	} {
		family := "conv_f32"
		if l.groups > 1 {
			family = "conv_depthwise_f32"
		}
		eachTier(b, family, fmt.Sprintf("c=%d/m=%d/g=%d/size=%d/k=%d/s=%d", l.c, l.m, l.groups, l.size, l.k, l.stride), func(b *testing.B) {
			if Tier() == cpu.Ref {
				b.Skip("seconds per layer")
			}
			pad := l.k / 2
			out := (l.size+2*pad-l.k)/l.stride + 1
			s := &ConvShape{H: l.size, W: l.size, OH: out, OW: out, KH: l.k, KW: l.k, StrideH: l.stride, StrideW: l.stride, DilationH: 1, DilationW: 1, Top: pad, Left: pad}
			p := PackConv(randomF32(l.m*l.c/l.groups*l.k*l.k), l.m, l.c, l.groups, l.k, l.k)
			floats, ints := p.ConvScratch(s)
			x, bias, dst := randomF32(l.c*l.size*l.size), randomF32(l.m), make([]float32, l.m*out*out)
			scratch, taps := make([]float32, floats), make([]int64, ints)
			b.ReportAllocs()
			reportRate(b, 2*float64(l.m*out*out)*float64(l.c/l.groups*l.k*l.k), PeakF32, func() {
				ConvF32(nil, dst, x, bias, p, 1, s, scratch, taps)
			})
		})
	}
}
