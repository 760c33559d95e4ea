package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestQuotientRounds compares the corrected quotients with divisions, where they are hardest: divisors with fractions of few zeros or
// ones, dividends next to multiples of them, tiny ones, 0 and NaN.
func TestQuotientRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x, got := make([]float32, 259), make([]float32, 259)
	for round := range 20_000 {
		fraction := r.Uint32N(1 << 23)
		switch round % 4 {
		case 0:
			fraction = 1<<23 - 1 - r.Uint32N(3)
		case 1:
			fraction = r.Uint32N(3)
		}
		by := math.Float32frombits(uint32(127+r.IntN(20))<<23 | fraction)
		for i := range x {
			switch {
			case i%3 == 0:
				x[i] = math.Float32frombits(uint32(64+r.IntN(63))<<23 | r.Uint32N(1<<23))
			case i%3 == 1: // the middle of two quotients, times by, and its neighbours
				q := math.Float32frombits(uint32(100+r.IntN(20))<<23 | r.Uint32N(1<<23))
				middle := (float64(q) + float64(math.Nextafter32(q, 1))) / 2
				x[i] = min(1, float32(float64(by)*middle))
			default:
				x[i] = float32(r.Float64())
			}
			if round%8 == 7 && r.IntN(50) == 0 {
				x[i] = []float32{0, 0x1p-149, 0x1p-64, 0x1p-65, float32(math.NaN()), 1}[r.IntN(6)]
			}
		}
		quotient_f32(got, x, by)
		for i, v := range x {
			if want := v / by; math.Float32bits(got[i]) != math.Float32bits(want) && want == want {
				t.Fatalf("%b / %b = %b, expected %b", v, by, got[i], want)
			}
		}
	}
}
