package kernels

import "math"

// The unary functions below are exact or correctly rounded (IEEE 754): y[i] = f(x[i]) for i < len(x). NaN stays NaN. dst may be x;
// len(dst) ≥ len(x).

// NegF32 computes −x.
func NegF32(dst, x []float32) { elementwise(dst, x, neg_f32) }

// AbsF32 computes |x|.
func AbsF32(dst, x []float32) { elementwise(dst, x, abs_f32) }

// SqrtF32 computes √x; NaN below 0, −0 stays −0.
func SqrtF32(dst, x []float32) { elementwise(dst, x, sqrt_f32) }

// ReciprocalF32 computes 1/x by a true division.
func ReciprocalF32(dst, x []float32) { elementwise(dst, x, reciprocal_f32) }

// FloorF32 computes the largest integer ≤ x.
func FloorF32(dst, x []float32) { elementwise(dst, x, floor_f32) }

// CeilF32 computes the smallest integer ≥ x.
func CeilF32(dst, x []float32) { elementwise(dst, x, ceil_f32) }

// RoundF32 computes the nearest integer, ties to even.
func RoundF32(dst, x []float32) { elementwise(dst, x, round_f32) }

// SignF32 computes −1, 0 or 1; both zeros give +0.
func SignF32(dst, x []float32) { elementwise(dst, x, sign_f32) }

func neg_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 { return math.Float32frombits(math.Float32bits(v) ^ signBit) })
}

func abs_f32_ref(dst, x []float32) { mapRef(dst, x, absRef) }

func sqrt_f32_ref(dst, x []float32) { mapRef(dst, x, sqrtRef) }

// sqrtRef rounds the float64 root again, which is harmless: 53 ≥ 2·24 + 2 bits (Figueroa, "When is double rounding innocuous?").
func sqrtRef(v float32) float32 { return float32(math.Sqrt(float64(v))) }

func reciprocal_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 { return 1 / v })
}

func floor_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 { return float32(math.Floor(float64(v))) })
}

func ceil_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 { return float32(math.Ceil(float64(v))) })
}

func round_f32_ref(dst, x []float32) { mapRef(dst, x, roundEven) }

func sign_f32_ref(dst, x []float32) {
	mapRef(dst, x, func(v float32) float32 {
		switch {
		case v < 0:
			return -1
		case v > 0:
			return 1
		case v == 0:
			return 0
		}
		return v
	})
}
