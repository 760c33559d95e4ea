package kernels

import (
	"fmt"
	"math"
	"testing"
)

// TestPackConv compares the layout with its definition, element by element.
func TestPackConv(t *testing.T) {
	for _, l := range []struct{ m, c, groups, kh, kw int }{
		{1, 1, 1, 1, 1}, {16, 16, 1, 1, 1}, {40, 70, 1, 1, 1}, {17, 3, 1, 7, 7}, {64, 32, 2, 3, 3}, {33, 35, 1, 3, 3}, {96, 160, 1, 1, 2}, {40, 40, 40, 3, 3},
	} {
		w := randomF32(l.m * l.c / l.groups * l.kh * l.kw)
		p := PackConv(w, l.m, l.c, l.groups, l.kh, l.kw)
		taps, mg, cg := l.kh*l.kw, l.m/l.groups, l.c/l.groups
		want := make([]float32, len(p.data))
		for i, v := range w {
			o, ch, tap := i/(cg*taps), i/taps%cg, i%taps
			if p.depthwise {
				want[(o/16*taps+tap)*16+o%16] = v
				continue
			}
			width := min(16, cg-ch/16*16)
			panel := (o/mg*ConvBlocks(mg) + o%mg/16) * cg * taps * 16
			want[panel+(ch/16*16*taps+tap*width+ch%16)*16+o%mg%16] = v
		}
		checkBits(t, fmt.Sprint(l), p.data, want)
	}
}

// TestPackWinograd compares the points with G w Gᵀ, summed in float64 from +0 on in the order of the weights.
func TestPackWinograd(t *testing.T) {
	const m, c = 40, 35
	w := randomF32(m * c * 9)
	for i := range 9 {
		w[i], w[9+i] = float32(math.Copysign(0, -1)), float32(i-4)
	}
	got := PackWinograd(w, m, c).winograd.points.data
	want := make([]float32, len(got))
	for o := range m {
		for ch := range c {
			for point, k := range winogradTable {
				sum := 0.0
				for i, v := range w[(o*c+ch)*9:][:9] {
					sum += float64(k[i] * float64(v))
				}
				want[((point*3+o/16)*c+ch)*16+o%16] = float32(sum)
			}
		}
	}
	checkBits(t, "winograd", got, want)
}

func checkBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, expected %v", what, i, got[i], want[i])
		}
	}
}

// BenchmarkPack packs weights of layers of ResNet-50 and MiniLM.
func BenchmarkPack(b *testing.B) {
	run := func(name string, n int, pack func(w []float32)) {
		w := randomF32(n)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * n))
			for b.Loop() {
				pack(w)
			}
		})
	}
	run("conv/1x1/1024x256", 1024*256, func(w []float32) { PackConv(w, 1024, 256, 1, 1, 1) })
	run("conv/3x3/512x512", 512*512*9, func(w []float32) { PackConv(w, 512, 512, 1, 3, 3) })
	run("winograd/256x256", 256*256*9, func(w []float32) { PackWinograd(w, 256, 256) })
	run("f32/384x1536", 384*1536, func(w []float32) { PackF32(384, 1536, w, 1536, 1) })
	run("f32/1536x384/transposed", 384*1536, func(w []float32) { PackF32(1536, 384, w, 1, 1536) })
}
