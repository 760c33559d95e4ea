package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph/tensor"
)

// compare tells the first difference between an answer and the expected one, nil where they agree. Integers, booleans and strings must
// be equal, and floats of 8 and fewer bits; others lie within tol, raised to what their type can hold: an atol of 1e-6 of the largest value
// (float16 2e-3, bfloat16 8e-3), since the cases' own is meant for values near 1.
func compare(got, want *tensor.Tensor, tol tolerance) error {
	if got.DType != want.DType {
		return fmt.Errorf("is %s, expected %s", got.DType, want.DType)
	}
	if !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("has shape %v, expected %v", got.Shape, want.Shape)
	}
	if got.DType.Composite() {
		for i := range want.Items {
			if err := compare(got.Items[i], want.Items[i], tol); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	}
	if got.DType == tensor.String {
		for i, w := range want.Strings {
			if got.Strings[i] != w {
				return fmt.Errorf("element %d is %q, expected %q", i, got.Strings[i], w)
			}
		}
		return nil
	}
	g, w := floats(got), floats(want)
	if g == nil {
		if i := firstDifference(got.Bytes, want.Bytes); i >= 0 {
			at := i / want.DType.Size()
			return fmt.Errorf("element %d of %d differs: bytes % x, expected % x", at, want.Len(), element(got, at), element(want, at))
		}
		return nil
	}
	largest := 0.0
	for _, v := range w {
		if a := math.Abs(v); a > largest && !math.IsInf(a, 0) {
			largest = a
		}
	}
	atol, rtol := max(tol.ATol, 1e-6*largest), tol.RTol
	if want.DType == tensor.Float16 || want.DType == tensor.BFloat16 {
		atol = max(atol, 2e-3*largest)
		if want.DType == tensor.BFloat16 {
			atol, rtol = max(atol, 8e-3*largest), max(rtol, 8e-3)
		}
	}
	for i := range w {
		if g[i] == w[i] || math.IsNaN(g[i]) && math.IsNaN(w[i]) {
			continue
		}
		if d := math.Abs(g[i] - w[i]); !(d <= atol+rtol*math.Abs(w[i])) {
			return fmt.Errorf("element %d of %d is %v, expected %v", i, len(w), g[i], w[i])
		}
	}
	return nil
}

// floats widens the elements of a floating-point tensor; nil for others, among them floats of 8 and fewer bits, whose bytes must agree.
func floats(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	switch t.DType {
	case tensor.Float32:
		for i, v := range tensor.Data[float32](t) {
			out[i] = float64(v)
		}
	case tensor.Float64:
		copy(out, tensor.Data[float64](t))
	case tensor.Float16:
		for i, v := range tensor.Data[tensor.F16](t) {
			out[i] = float64(v.Float32())
		}
	case tensor.BFloat16:
		for i, v := range tensor.Data[tensor.BF16](t) {
			out[i] = float64(v.Float32())
		}
	default:
		return nil
	}
	return out
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func element(t *tensor.Tensor, i int) []byte {
	size := t.DType.Size()
	return t.Bytes[i*size : (i+1)*size]
}
