package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWinogradError bounds the error against a float64 convolution by 4e-6 of the largest output; plain convolution has 5e-7 here.
func TestWinogradError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []int{32, 256} {
		const m, size = 16, 12
		x, w := make([]float32, c*size*size), make([]float32, m*c*9)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		for i := range w {
			w[i] = float32(r.NormFloat64() / math.Sqrt(float64(9*c)))
		}
		s := &ConvShape{H: size, W: size, OH: size, OW: size, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Top: 1, Left: 1}
		want := make([]float64, m*size*size)
		largest := 0.0
		for i := range want {
			o, y, xx := i/(size*size), i/size%size, i%size
			for ch := range c {
				for ky := range 3 {
					for kx := range 3 {
						if iy, ix := y+ky-1, xx+kx-1; iy >= 0 && iy < size && ix >= 0 && ix < size {
							want[i] += float64(float64(x[(ch*size+iy)*size+ix]) * float64(w[((o*c+ch)*3+ky)*3+kx]))
						}
					}
				}
			}
			largest = max(largest, math.Abs(want[i]))
		}
		for name, p := range map[string]*PackedConv{"winograd": PackWinograd(w, m, c), "plain": PackConv(w, m, c, 1, 3, 3)} {
			nf, ni := p.ConvScratch(s)
			got := make([]float32, len(want))
			ConvF32(nil, got, x, nil, p, 1, s, make([]float32, nf), make([]int64, ni))
			worst := 0.0
			for i := range want {
				worst = max(worst, math.Abs(float64(got[i])-want[i]))
			}
			t.Logf("%d channels, %s: largest error %.2g of %.2g", c, name, worst, largest)
			if limit := map[string]float64{"winograd": 4e-6, "plain": 6e-7}[name]; worst > limit*largest {
				t.Errorf("%d channels, %s: error %.2g of %.2g, expected at most %.2g of it", c, name, worst, largest, limit)
			}
		}
	}
}
