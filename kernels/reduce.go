package kernels

import "math"

// Reduction names what ReduceF32 computes.
type Reduction uint8

const (
	ReduceSum       Reduction = iota
	ReduceSumAbs              // Σ |x|
	ReduceSumSquare           // Σ x²
	ReduceProd
	ReduceMax // NaN wins
	ReduceMin // NaN wins
)

// reduction is how one Reduction runs over contiguous elements, over rows, and how its partial results combine.
type reduction struct {
	row     func(x []float32) float32
	step    func(dst, a, b []float32)
	combine func(dst, a, b []float32)
	start   float32
}

var reductions = [...]reduction{
	ReduceSum:       {SumF32, add_f32, add_f32, 0},
	ReduceSumAbs:    {SumAbsF32, add_abs_f32, add_f32, 0},
	ReduceSumSquare: {func(x []float32) float32 { return SumSquareF32(x, 0) }, add_square_f32, add_f32, 0},
	ReduceProd:      {ProdF32, mul_f32, mul_f32, 1},
	ReduceMax:       {MaxF32, maximum_f32, maximum_f32, float32(math.Inf(-1))},
	ReduceMin:       {MinF32, minimum_f32, minimum_f32, float32(math.Inf(1))},
}

// ReduceF32 reduces the middle axis of x [outer × n × inner], contiguous:
//
//	dst[o·inner + i] = r over k < n of x[(o·n + k)·inner + i]
//
// inner = 1 has the order of SumF32. Otherwise the n elements form segments of 4096, each a chain in ascending order from the identity
// of r, and the segments are combined in order. No element gives the identity. dst must not overlap x. scratch holds
// ReduceScratch(n, inner) elements. Neither chosen order depends on anything but n and whether inner is 1.
func ReduceF32(r Reduction, dst, x []float32, outer, n, inner int, scratch []float32) {
	dst, x = dst[:outer*inner], x[:outer*n*inner]
	k := &reductions[r]
	if inner == 1 {
		for o := range dst {
			dst[o] = k.row(x[o*n : (o+1)*n])
		}
		return
	}
	for o := range outer {
		for c := 0; c < inner; c += reduceColumns {
			end := min(c+reduceColumns, inner)
			k.columns(dst[o*inner+c:o*inner+end], x[o*n*inner+c:], n, inner, scratch)
		}
	}
}

// ReduceScratch is the number of elements ReduceF32 needs beside its operands.
func ReduceScratch(n, inner int) int {
	if inner == 1 || n <= sumSegment {
		return 0
	}
	return min(inner, reduceColumns)
}

// reduceColumns keeps the accumulators in the L1 cache: 4 KiB of 32.
const reduceColumns = 1024

// columns reduces n rows of len(dst) elements, stride apart.
func (k *reduction) columns(dst, x []float32, n, stride int, scratch []float32) {
	acc := dst
	for first := 0; first == 0 || first < n; first += sumSegment {
		if first > 0 {
			acc = scratch[:len(dst)]
		}
		for i := range acc {
			acc[i] = k.start
		}
		for row := first; row < min(n, first+sumSegment); row++ {
			k.step(acc, acc, x[row*stride:row*stride+len(dst)])
		}
		if first > 0 {
			k.combine(dst, dst, acc)
		}
	}
}

func add_abs_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 { return a + absRef(b) })
}

func add_square_f32_ref(dst, a, b []float32) {
	pairsRef(dst, a, b, func(a, b float32) float32 { return FMAF32(b, b, a) })
}
