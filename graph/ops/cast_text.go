package ops

import (
	"math"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// formatAll writes numbers as text, as ONNX Runtime does: floats with up to eight significant digits, NaN, INF and -INF, bool as 0 or 1.
// The strings are new, so it allocates.
func formatAll(in, out []*tensor.Tensor) error {
	x, text := in[0], out[0].Strings
	switch x.DType {
	case tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0, tensor.Float4E2M1:
		values := tensor.SmallValues(x.DType)
		formatFloats(text, tensor.Data[uint8](x), func(code uint8) float32 { return values[code] })
	case tensor.Float32:
		formatFloats(text, tensor.Data[float32](x), same[float32])
	case tensor.Float64:
		formatFloats(text, tensor.Data[float64](x), same[float64])
	case tensor.Float16:
		formatFloats(text, tensor.Data[tensor.F16](x), tensor.F16.Float32)
	case tensor.BFloat16:
		formatFloats(text, tensor.Data[tensor.BF16](x), tensor.BF16.Float32)
	case tensor.Int8, tensor.Int4, tensor.Int2:
		formatInts(text, tensor.Data[int8](x))
	case tensor.Int16:
		formatInts(text, tensor.Data[int16](x))
	case tensor.Int32:
		formatInts(text, tensor.Data[int32](x))
	case tensor.Int64:
		formatInts(text, tensor.Data[int64](x))
	case tensor.Uint16:
		formatInts(text, tensor.Data[uint16](x))
	case tensor.Uint32:
		formatInts(text, tensor.Data[uint32](x))
	case tensor.Uint64:
		for i, v := range tensor.Data[uint64](x) {
			text[i] = strconv.FormatUint(v, 10)
		}
	default:
		formatInts(text, tensor.Data[uint8](x))
	}
	return nil
}

func formatFloats[S any, V float32 | float64](text []string, x []S, read func(S) V) {
	for i, s := range x {
		switch v := float64(read(s)); {
		case math.IsNaN(v):
			text[i] = "NaN"
		case math.IsInf(v, 1):
			text[i] = "INF"
		case math.IsInf(v, -1):
			text[i] = "-INF"
		default:
			text[i] = strconv.FormatFloat(v, 'g', -1, 64)
			if len(text[i]) > 8 { // perhaps more than eight digits
				text[i] = eightDigits(v)
			}
		}
	}
}

// eightDigits is C's "%.8g".
func eightDigits(v float64) string {
	s := strconv.FormatFloat(v, 'e', 7, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	if e, _ := strconv.Atoi(exponent); e >= -4 && e < 8 {
		s = strconv.FormatFloat(v, 'f', 7-e, 64)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	return strings.TrimRight(strings.TrimRight(mantissa, "0"), ".") + "e" + exponent
}

func formatInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](text []string, x []T) {
	for i, v := range x {
		text[i] = strconv.FormatInt(int64(v), 10)
	}
}

// parseKernel reads numbers from text. Integers may be written as floats, which are truncated; NaN, INF and their like are floats.
func parseKernel(node string, to tensor.DType, encode func(float64) uint8) graph.Kernel {
	switch to {
	case tensor.Float32:
		return parseFloats(node, func(v float64) float32 { return float32(v) }, 32)
	case tensor.Float64:
		return parseFloats(node, same[float64], 64)
	case tensor.Float16:
		return parseFloats(node, func(v float64) tensor.F16 { return tensor.ToF16(float32(v)) }, 32)
	case tensor.BFloat16:
		return parseFloats(node, func(v float64) tensor.BF16 { return tensor.ToBF16(float32(v)) }, 32)
	case tensor.Int8:
		return parseInts(node, func(v int64) int8 { return int8(v) })
	case tensor.Int16:
		return parseInts(node, func(v int64) int16 { return int16(v) })
	case tensor.Int32:
		return parseInts(node, func(v int64) int32 { return int32(v) })
	case tensor.Int64:
		return parseInts(node, same[int64])
	case tensor.Uint8:
		return parseInts(node, func(v int64) uint8 { return uint8(v) })
	case tensor.Uint16:
		return parseInts(node, func(v int64) uint16 { return uint16(v) })
	case tensor.Uint32:
		return parseInts(node, func(v int64) uint32 { return uint32(v) })
	case tensor.Uint64:
		return parseInts(node, func(v int64) uint64 { return uint64(v) })
	case tensor.Int4, tensor.Int2:
		shift := 8 - to.FileBits()
		return parseInts(node, func(v int64) int8 { return int8(v<<shift) >> shift })
	case tensor.Uint4, tensor.Uint2:
		mask := uint8(1<<to.FileBits() - 1)
		return parseInts(node, func(v int64) uint8 { return uint8(v) & mask })
	case tensor.Bool:
		return parseFloats(node, func(v float64) bool { return v != 0 }, 64)
	}
	return parseFloats(node, encode, 64)
}

func parseFloats[D tensor.Numeric](node string, f func(float64) D, bits int) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[D](out[0])
		for i, s := range in[0].Strings {
			v, err := strconv.ParseFloat(strings.TrimSpace(s), bits)
			if err != nil && !math.IsInf(v, 0) {
				return notNumber(node, i, s)
			}
			dst[i] = f(v)
		}
		return nil
	})
}

func parseInts[D tensor.Numeric](node string, f func(int64) D) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		dst := tensor.Data[D](out[0])
		for i, s := range in[0].Strings {
			v, ok := parseInt(strings.TrimSpace(s))
			if !ok {
				return notNumber(node, i, s)
			}
			dst[i] = f(v)
		}
		return nil
	})
}

// parseInt reads an integer of int64 or uint64, which keeps its bits, or truncates a float.
func parseInt(s string) (int64, bool) {
	if strings.ContainsAny(s, ".eEnN") {
		f, err := strconv.ParseFloat(s, 64)
		return truncate(f, math.MinInt64, math.MaxInt64), err == nil
	}
	if strings.HasPrefix(s, "-") {
		v, err := strconv.ParseInt(s, 10, 64)
		return v, err == nil
	}
	u, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
	return int64(u), err == nil
}

// maxQuoted cuts text of a request in error messages.
const maxQuoted = 40

func notNumber(node string, i int, s string) error {
	return inputErr(node, "element %d is %q, expected a number", i, s[:min(len(s), maxQuoted)])
}
