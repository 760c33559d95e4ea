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

func TestMicroarchitecture(t *testing.T) {
	for name, want := range map[string]string{
		brand("AMD EPYC 7763 64-Core Processor", 25, 1):  "zen3",
		brand("AMD EPYC 9R14", 25, 17):                   "zen4",
		brand("INTEL(R) XEON(R) PLATINUM 8581C", 6, 207): "emerald_rapids",
		brand("Something (R) new", 99, 3):                "family99_model3",
		"arm64":                                          "arm64",
	} {
		if got := microarchitecture(name); got != want {
			t.Errorf("microarchitecture(%q) = %q, want %q", name, got, want)
		}
	}
	t.Logf("this machine is %s", Microarchitecture())
}
