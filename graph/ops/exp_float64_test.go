package ops

import (
	"math"
	"testing"
)

func TestFloat64(t *testing.T) {
	ulps := func(got, want float64) float64 {
		return math.Abs(got-want) / (math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want))
	}
	worstExp, worstLog := 0.0, 0.0
	for i := range 200000 {
		x := float64(i-100000) * 0.007
		worstExp = max(worstExp, ulps(expF64(x), math.Exp(x)))
		if x := math.Abs(x) + 1e-9; i%2 == 0 {
			worstLog = max(worstLog, ulps(logF64(x), math.Log(x)))
		} else {
			worstLog = max(worstLog, ulps(logF64(1+1e-5*x), math.Log(1+1e-5*x)))
		}
	}
	if worstExp > 4 || worstLog > 4 {
		t.Errorf("exp is %.2f ulp off, log %.2f", worstExp, worstLog)
	}
	for _, c := range [][2]float64{{expF64(math.Inf(-1)), 0}, {expF64(800), math.Inf(1)}, {expF64(0), 1}, {logF64(0), math.Inf(-1)}, {logF64(1), 0}, {logF64(math.Inf(1)), math.Inf(1)}} {
		if c[0] != c[1] {
			t.Errorf("%v, expected %v", c[0], c[1])
		}
	}
	if x := expF64(math.NaN()) + logF64(-1); x == x {
		t.Error("NaN is lost")
	}
}
