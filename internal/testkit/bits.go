//go:build unix

package testkit

import (
	"math"
	"testing"
)

// Canary is a float32 NaN with a payload no kernel produces.
var Canary = math.Float32frombits(0x7fabcdef)

// SameF32 reports whether a and b have the same bits, or are both NaN.
func SameF32(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// EqualF32 fails the test at the first element that differs in any bit, NaN payloads aside.
func EqualF32(t testing.TB, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if !SameF32(got[i], want[i]) {
			t.Fatalf("%s: element %d is %g (%#08x), want %g (%#08x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// Equal fails the test at the first element that differs.
func Equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// SpecialF32 lists values that kernels treat differently, or should not.
func SpecialF32() []float32 {
	inf := float32(math.Inf(1))
	return []float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, float32(math.NaN()), math.SmallestNonzeroFloat32,
		-math.SmallestNonzeroFloat32, 1e-40, -1e-40, math.MaxFloat32, -math.MaxFloat32, 0x1p-126, 88.7, 88.73, -87.4, -103.9, -104.5,
		0.625, 0.62499994, 0.5, 1.5, 2.5, 127.5, 128.5, 1e10, -1e10, 3e-8}
}
