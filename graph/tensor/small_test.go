package tensor

import (
	"math"
	"testing"
)

// TestSmallFloatsRoundTrip: every code survives, the middle between two neighbours goes to the even one, and what lies beside it to the
// nearer one.
func TestSmallFloatsRoundTrip(t *testing.T) {
	for d, s := range smallFloats {
		round, values := ToSmall(d, false, ""), SmallValues(d)
		for i := range int(s.sign) * 2 {
			code := uint8(i)
			v := float64(values[code])
			if back := round(v); back != code && v == v || v != v && float64(values[back]) == float64(values[back]) {
				t.Errorf("%s %#02x is %g, which rounds to %#02x", d, code, v, back)
			}
			if code >= s.largest {
				continue
			}
			middle := (v + float64(values[code+1])) / 2
			for _, c := range []struct {
				v    float64
				want uint8
			}{{middle, code + code&1}, {math.Nextafter(middle, 0), code}, {math.Nextafter(middle, 10*middle), code + 1}} {
				if got := round(c.v); got != c.want {
					t.Errorf("%s: %g rounds to %#02x, expected %#02x", d, c.v, got, c.want)
				}
				if got := round(-c.v); got != c.want|s.sign && !(s.unsignedZero && c.want == 0 && got == 0) {
					t.Errorf("%s: %g rounds to %#02x, expected %#02x", d, -c.v, got, c.want|s.sign)
				}
			}
		}
	}
}

// TestSmallFloatsOverflow holds the tables of the Cast operator: what is beyond the greatest number, with and without saturation.
func TestSmallFloatsOverflow(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		d                DType
		v                float64
		saturated, plain uint8
	}{
		{Float8E4M3FN, 464, 0x7e, 0x7e}, {Float8E4M3FN, 465, 0x7e, 0x7f}, {Float8E4M3FN, -inf, 0xfe, 0xff}, {Float8E4M3FN, 1e300, 0x7e, 0x7f},
		{Float8E4M3FNUZ, 248, 0x7f, 0x80}, {Float8E4M3FNUZ, -inf, 0xff, 0x80},
		{Float8E5M2, 61439, 0x7b, 0x7b}, {Float8E5M2, 61440, 0x7b, 0x7c}, {Float8E5M2, -inf, 0xfb, 0xfc},
		{Float8E5M2FNUZ, 61440, 0x7f, 0x80}, {Float8E5M2FNUZ, inf, 0x7f, 0x80},
		{Float4E2M1, 7, 7, 7}, {Float4E2M1, -inf, 15, 15}, {Float4E2M1, math.NaN(), 8, 8},
	} {
		if got := ToSmall(c.d, true, "")(c.v); got != c.saturated {
			t.Errorf("%s: %g saturates to %#02x, expected %#02x", c.d, c.v, got, c.saturated)
		}
		if got := ToSmall(c.d, false, "")(c.v); got != c.plain {
			t.Errorf("%s: %g becomes %#02x, expected %#02x", c.d, c.v, got, c.plain)
		}
	}
}

// TestE8M0 holds every code and the directions of rounding.
func TestE8M0(t *testing.T) {
	values := SmallValues(Float8E8M0)
	for _, direction := range []string{RoundUp, RoundDown, RoundNearest} {
		round := ToSmall(Float8E8M0, false, direction)
		for i := range 256 {
			if got := round(float64(values[i])); got != uint8(i) {
				t.Errorf("%s: %g becomes %#02x, expected %#02x", direction, values[i], got, i)
			}
		}
	}
	for _, c := range []struct {
		v                               float64
		up, down, nearest, plainNearest uint8
	}{
		{1.1, 128, 127, 127, 127}, {1.5, 128, 127, 128, 128}, {1.4999, 128, 127, 127, 127},
		{0, 0, 0, 0, 255}, {math.Inf(1), 254, 254, 254, 255}, {math.Ldexp(1.75, 127), 254, 254, 254, 255}, {math.NaN(), 255, 255, 255, 255},
	} {
		got := [...]uint8{ToSmall(Float8E8M0, true, RoundUp)(c.v), ToSmall(Float8E8M0, true, RoundDown)(c.v), ToSmall(Float8E8M0, true, RoundNearest)(c.v), ToSmall(Float8E8M0, false, RoundNearest)(c.v)}
		if want := [...]uint8{c.up, c.down, c.nearest, c.plainNearest}; got != want {
			t.Errorf("%g becomes %v, expected %v", c.v, got, want)
		}
	}
}
