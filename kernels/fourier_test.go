package kernels

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// TestFourier compares with the definition, for lengths of every kind of pass and of the chirp.
func TestFourier(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 25, 29, 31, 37, 49, 60, 64, 74, 77, 97, 128, 240, 256, 400, 509, 512, 961, 1000} {
		f := NewFourier(n, make([]complex128, FourierScratch(n)))
		x := make([]complex128, n)
		for range 2 { // tables and work are used again
			for i := range x {
				x[i] = complex(rng.Float64()-0.5, rng.Float64()-0.5)
			}
			want, largest := make([]complex128, n), 0.0
			for k := range want {
				for j, v := range x {
					sin, cos := math.Sincos(-2 * math.Pi * float64(j*k%n) / float64(n))
					want[k] += v * complex(cos, sin)
				}
				largest = max(largest, cmplx.Abs(want[k]))
			}
			f.Transform(x)
			for k := range x {
				// the definition itself is summed with an error of about √n ULP
				if d := cmplx.Abs(x[k] - want[k]); d > largest*(1e-15*math.Log2(float64(n))+4e-16*math.Sqrt(float64(n))) {
					t.Errorf("length %d: element %d is off by %g of %g", n, k, d, largest)
				}
			}
		}
	}
}

func TestTurn(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 8, 12, 360, 1001, 4096} {
		for k := range n {
			cos, sin := Turn(k, n)
			signed := k // the angle itself is rounded here, the less the smaller it is
			if k > n/2 {
				signed -= n
			}
			wantSin, wantCos := math.Sincos(2 * math.Pi * float64(signed) / float64(n))
			if math.Abs(cos-wantCos) > 6e-16 || math.Abs(sin-wantSin) > 6e-16 {
				t.Fatalf("turn %d/%d: %v %v, expected %v %v", k, n, cos, sin, wantCos, wantSin)
			}
		}
	}
	if cos, sin := Turn(1, 4); cos != 0 || sin != 1 {
		t.Errorf("a quarter is %v %v", cos, sin)
	}
}

func TestMel(t *testing.T) {
	for _, f := range []float64{0, 1, 440, 4096, 22050} {
		want := 2595 * math.Log10(1+f/700)
		if got := Mel(f); math.Abs(got-want) > 1e-11*(1+want) {
			t.Errorf("%v Hz are %v mel, expected %v", f, got, want)
		}
		if got := Hertz(Mel(f)); math.Abs(got-f) > 1e-9*(1+f) {
			t.Errorf("%v Hz come back as %v", f, got)
		}
	}
}
