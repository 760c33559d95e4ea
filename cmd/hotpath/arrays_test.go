package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestArraysOfEveryDType reads and writes the limits of every dtype, and what lies beyond them.
func TestArraysOfEveryDType(t *testing.T) {
	for d, c := range map[tensor.DType]struct{ good, bad string }{
		tensor.Float32: {"[1.5, -3e+38]", "[1e39]"}, tensor.Float64: {"[1.5, 1e+300]", "[1e999]"},
		tensor.Float16: {"[65504, -0.5]", "[65520]"}, tensor.BFloat16: {"[3.3895314e+38, 0.5]", "[3.4e38]"},
		tensor.Int8: {"[127, -128]", "[128]"}, tensor.Uint8: {"[255, 0]", "[256]"},
		tensor.Int16: {"[32767, -32768]", "[-32769]"}, tensor.Uint16: {"[65535, 0]", "[-1]"},
		tensor.Int32: {"[2147483647, -2147483648]", "[2147483648]"}, tensor.Uint32: {"[4294967295, 0]", "[4294967296]"},
		tensor.Int64: {"[9223372036854775807, -9223372036854775808]", "[1.5]"}, tensor.Uint64: {"[18446744073709551615, 0]", "[18446744073709551616]"},
		tensor.Bool: {"[true, false]", "[1]"}, tensor.String: {`["a", ""]`, "[1]"},
	} {
		s := &graph.Signature{Inputs: []graph.Input{{Name: "x", DType: d, Shape: []int{-1}}}}
		arrays, err := decodeArrays([]byte(`{"x": `+c.good+`}`), s)
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		if text, err := encodeArrays(arrays); err != nil || !strings.Contains(string(text), c.good) {
			t.Errorf("%s: %s (%v), want %s", d, text, err, c.good)
		}
		if _, err := decodeArrays([]byte(`{"x": `+c.bad+`}`), s); !errors.Is(err, graph.ErrInput) {
			t.Errorf("%s: %s gives %v, want ErrInput", d, c.bad, err)
		}
	}
}
