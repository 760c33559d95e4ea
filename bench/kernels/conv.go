package kernelbench

import (
	"fmt"
	"strings"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/kernels"
)

// conv has layers of ResNet-50 and MobileNetV2, one image: 3×3 and 1×1 as they are, and depthwise 3×3. Names are channels × height × width
// of the output, then the kernel.
func conv() []Case {
	var cases []Case
	for _, l := range []struct{ channels, filters, size, kernel, groups int }{
		{64, 64, 56, 3, 1}, {128, 128, 28, 3, 1}, {256, 256, 14, 3, 1}, {512, 512, 7, 3, 1}, {64, 256, 56, 1, 1}, {1024, 256, 14, 1, 1},
		{144, 144, 56, 3, 144}, {384, 384, 14, 3, 384},
	} {
		family := "conv_f32"
		if l.groups > 1 {
			family = "conv_depthwise_f32"
		}
		weights := l.filters * l.channels / l.groups * l.kernel * l.kernel
		pixels := l.size * l.size
		cases = append(cases, Case{
			Op:     family,
			Shape:  strings.ReplaceAll(fmt.Sprintf("%d %d %d %d %d", l.channels, l.filters, l.size, l.size, l.kernel), " ", "x"),
			Flops:  2 * float64(weights) * float64(pixels),
			Bytes:  4 * float64(weights+(l.channels+l.filters)*pixels),
			peak:   kernels.PeakF32,
			slow:   weights*pixels > 1<<22,
			family: func(cpu.Tier) string { return family },
			prepare: func(p *kernels.Pool) func() {
				s := &kernels.ConvShape{H: l.size, W: l.size, OH: l.size, OW: l.size, KH: l.kernel, KW: l.kernel, StrideH: 1, StrideW: 1,
					DilationH: 1, DilationW: 1, Top: l.kernel / 2, Left: l.kernel / 2}
				w := kernels.PackConv(randomF32(weights), l.filters, l.channels, l.groups, l.kernel, l.kernel)
				nf, ni := w.ConvScratch(s)
				x, dst, bias := randomF32(l.channels*pixels), make([]float32, l.filters*pixels), randomF32(l.filters)
				floats, ints := make([]float32, nf), make([]int64, ni)
				return func() { kernels.ConvF32(p, dst, x, bias, w, 1, s, floats, ints) }
			},
		})
	}
	return cases
}
