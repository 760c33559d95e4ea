package tensor

import (
	"math"
	"testing"
)

// TestHalfRoundTrips: every 16-bit float survives, and the middle between two neighbours goes to the even one, what lies beside it to the
// nearer one.
func TestHalfRoundTrips(t *testing.T) {
	check := func(name string, limit uint16, value func(uint16) float32, round func(float32) uint16) {
		for b := range uint32(1 << 16) {
			h := uint16(b)
			v := value(h)
			if back := round(v); back != h && v == v || v != v && value(back) == value(back) {
				t.Fatalf("%s %#04x is %g, which rounds to %#04x", name, h, v, back)
			}
			if h < 2 || h >= limit { // halves of the smallest are not float32 numbers
				continue // nor has the greatest finite one a neighbour above; the others are negative
			}
			middle := value(h)/2 + value(h+1)/2
			even := h + h&1
			for _, c := range []struct {
				v    float32
				want uint16
			}{{middle, even}, {math.Nextafter32(middle, 0), h}, {math.Nextafter32(middle, math.MaxFloat32), h + 1}} {
				if got := round(c.v); got != c.want {
					t.Fatalf("%s: %g rounds to %#04x, expected %#04x", name, c.v, got, c.want)
				}
				if got := round(-c.v); got != c.want|1<<15 {
					t.Fatalf("%s: %g rounds to %#04x, expected %#04x", name, -c.v, got, c.want|1<<15)
				}
			}
		}
	}
	check("float16", 0x7bff, func(b uint16) float32 { return F16(b).Float32() }, func(v float32) uint16 { return uint16(ToF16(v)) })
	check("bfloat16", 0x7f7f, func(b uint16) float32 { return BF16(b).Float32() }, func(v float32) uint16 { return uint16(ToBF16(v)) })
	if ToF16(65519.99) != 0x7bff || ToF16(65520) != 0x7c00 || ToBF16(math.MaxFloat32) != 0x7f80 {
		t.Error("overflow does not start in the middle between the greatest number and the next power of two")
	}
}
