// Package cpu names the instruction set tiers kernels are written for and says which one this process uses.
//
// Tiers nest: a CPU of one tier runs the kernels of every tier below it. HOTPATH_ISA=tier caps the tier of a run,
// HOTPATH_REQUIRE=1 turns a tier that is missing from the machine into a test failure.
package cpu

import (
	"fmt"
	"os"
	"strings"
)

// Tier is an instruction set level. Each tier contains the ones below it.
type Tier uint8

const (
	Ref    Tier = iota // plain Go
	AVX2               // AVX2, FMA, F16C, BMI2
	AVX512             // AVX-512 F, BW, DQ, VL, CD
	VNNI               // AVX-512 VNNI (VPDPBUSD)
	AMX                // AMX tiles, INT8 and BF16
)

var names = [...]string{Ref: "ref", AVX2: "avx2", AVX512: "avx512", VNNI: "vnni", AMX: "amx"}

// Tiers lists every tier in ascending order.
func Tiers() []Tier { return []Tier{Ref, AVX2, AVX512, VNNI, AMX} }

// String returns the lower-case name used in HOTPATH_ISA, kernel symbols and logs.
func (t Tier) String() string {
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("tier(%d)", uint8(t))
}

// ParseTier is the inverse of String.
func ParseTier(s string) (Tier, error) {
	for t, name := range names {
		if s == name {
			return Tier(t), nil
		}
	}
	return Ref, fmt.Errorf("unknown tier %q, want one of %s", s, strings.Join(names[:], ", "))
}

var (
	detected = detect()
	current  Tier
	envErr   error
)

func init() { current, envErr = capped(detected, os.Getenv("HOTPATH_ISA")) }

// capped returns the tier in use on a CPU of tier t under HOTPATH_ISA=env. An unknown name leaves t.
func capped(t Tier, env string) (Tier, error) {
	if env == "" {
		return t, nil
	}
	limit, err := ParseTier(env)
	if err != nil {
		return t, fmt.Errorf("HOTPATH_ISA: %w", err)
	}
	return min(t, limit), nil
}

// Detected returns the highest tier that the CPU and the operating system support.
func Detected() Tier { return detected }

// Current returns the tier in use: Detected, capped by HOTPATH_ISA.
func Current() Tier { return current }

// EnvError reports an invalid HOTPATH_ISA.
func EnvError() error { return envErr }

// Required reports whether HOTPATH_REQUIRE=1 is set: tests then fail on a missing tier or device instead of skipping.
func Required() bool { return os.Getenv("HOTPATH_REQUIRE") == "1" }
