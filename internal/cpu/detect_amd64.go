//go:build amd64 && !noasm

package cpu

import "github.com/klauspost/cpuid/v2"

// requires lists what each tier adds to the one below it. cpuid has already taken out what the operating system does
// not save across a context switch.
var requires = [...][]cpuid.FeatureID{
	AVX2:   {cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.BMI2},
	AVX512: {cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512CD},
	VNNI:   {cpuid.AVX512VNNI},
	AMX:    {cpuid.AMXTILE, cpuid.AMXINT8, cpuid.AMXBF16},
}

func detect() Tier {
	best := Ref
	for _, t := range Tiers()[1:] {
		if !cpuid.CPU.Supports(requires[t]...) {
			break
		}
		if t == AMX && !permitTiles() {
			break
		}
		best = t
	}
	return best
}

// HasBF16 reports AVX512_BF16, which some CPUs of tier VNNI lack.
func HasBF16() bool { return cpuid.CPU.Supports(cpuid.AVX512BF16) }

// Name returns the brand string with family and model, which together identify the microarchitecture.
func Name() string { return brand(cpuid.CPU.BrandName, cpuid.CPU.Family, cpuid.CPU.Model) }
