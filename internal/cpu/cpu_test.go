package cpu

import "testing"

func TestParseTier(t *testing.T) {
	for _, want := range Tiers() {
		got, err := ParseTier(want.String())
		if err != nil || got != want {
			t.Errorf("ParseTier(%q) = %v, %v", want.String(), got, err)
		}
	}
	if _, err := ParseTier("avx3"); err == nil {
		t.Error("ParseTier(avx3): no error")
	}
}

func TestCapped(t *testing.T) {
	for _, c := range []struct {
		detected Tier
		env      string
		want     Tier
		fails    bool
	}{
		{AVX512, "", AVX512, false},
		{AVX512, "avx2", AVX2, false},
		{AVX2, "amx", AVX2, false},
		{AVX2, "ref", Ref, false},
		{AVX2, "sse", AVX2, true},
	} {
		got, err := capped(c.detected, c.env)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("capped(%v, %q) = %v, %v, want %v", c.detected, c.env, got, err, c.want)
		}
	}
}

func TestCurrentWithinDetected(t *testing.T) {
	t.Logf("cpu %s, detected %v, current %v", Name(), Detected(), Current())
	if Current() > Detected() {
		t.Errorf("current tier %v above detected %v", Current(), Detected())
	}
}
