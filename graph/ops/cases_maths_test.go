package ops_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

func equation(text string) map[string]graph.Attr { return attrs("equation", graph.Str(text)) }

func f64(v []float64, shape ...int) *tensor.Tensor { return tensor.Of(v, shape...) }

var mathsCases = []opCase{
	{op: "NonZero", consts: []int{0}, in: ts(f32([]float32{1, 0, nan, float32(math.Copysign(0, -1))}, 2, 2)), want: ts(i64([]int64{0, 1, 0, 0}, 2, 2))},
	{name: "scalar", op: "NonZero", consts: []int{0}, in: ts(i64([]int64{3})), want: ts(i64(nil, 0, 1))},
	{name: "bool", op: "NonZero", consts: []int{0}, in: ts(bools(false, true, true)), want: ts(i64([]int64{1, 2}, 1, 2))},
	{name: "half", op: "NonZero", consts: []int{0}, in: ts(tensor.Of([]tensor.F16{0x8000, 1}, 2)), want: ts(i64([]int64{1}, 1, 1))},
	{name: "empty", op: "NonZero", consts: []int{0}, in: ts(f32(nil, 0, 3)), want: ts(i64(nil, 2, 0))},
	{name: "text", op: "NonZero", consts: []int{0}, in: ts(text("", "a")), want: ts(i64([]int64{1, 0}, 2, 1))},
	{name: "run-time", op: "NonZero", in: ts(vec(1)), wantErr: graph.ErrNeedsValue},

	{op: "Compress", consts: []int{1}, attrs: attrs("axis", graph.Int(-1)), in: ts(count(2, 3), bools(false, true, true)), want: ts(f32([]float32{1, 2, 4, 5}, 2, 2))},
	{name: "flat, short", op: "Compress", consts: []int{1}, in: ts(count(2, 3), bools(true, false, false, true)), want: ts(vec(0, 3))},
	{name: "long", op: "Compress", consts: []int{1}, in: ts(count(1), bools(true, true)), want: ts(vec(0))},
	{name: "text", op: "Compress", consts: []int{1}, attrs: attrs("axis", graph.Int(0)), in: ts(text("a", "b"), bools(false, true)), want: ts(text("b"))},
	{name: "axis", op: "Compress", consts: []int{1}, attrs: attrs("axis", graph.Int(1)), in: ts(vec(1), bools(true)), wantErr: graph.ErrModel},
	{name: "condition", op: "Compress", consts: []int{1}, in: ts(vec(1), vec(1)), wantErr: graph.ErrModel},
	{name: "run-time", op: "Compress", in: ts(vec(1), bools(true)), wantErr: graph.ErrNeedsValue},

	{op: "Unique", consts: []int{0}, in: ts(vec(2, 1, nan, 1, 3, nan)), want: ts(vec(1, 2, 3, nan), i64([]int64{1, 0, 4, 2}, 4), i64([]int64{1, 0, 3, 0, 2, 3}, 6), i64([]int64{2, 1, 1, 2}, 4))},
	{name: "as they come", op: "Unique", consts: []int{0}, attrs: attrs("sorted", graph.Int(0)), in: ts(i64([]int64{2, 1, 1, 3, 4, 3}, 6)), want: ts(i64([]int64{2, 1, 3, 4}, 4), i64([]int64{0, 1, 3, 4}, 4), i64([]int64{0, 1, 1, 2, 3, 2}, 6), i64([]int64{1, 2, 2, 1}, 4))},
	{name: "columns", op: "Unique", consts: []int{0}, attrs: attrs("axis", graph.Int(1)), in: ts(f32([]float32{1, 0, 1, 0, 5, 0}, 2, 3)), want: ts(f32([]float32{0, 1, 5, 0}, 2, 2), i64([]int64{1, 0}, 2), i64([]int64{1, 0, 1}, 3), i64([]int64{1, 2}, 2))},
	{name: "rows of text", op: "Unique", consts: []int{0}, attrs: attrs("axis", graph.Int(0)), in: ts(text("b", "a", "b")), want: ts(text("a", "b"))},
	{name: "half", op: "Unique", consts: []int{0}, in: ts(tensor.Of([]tensor.F16{0x3c00, 0xbc00, 0x3c00}, 3)), want: ts(tensor.Of([]tensor.F16{0xbc00, 0x3c00}, 2))},
	{name: "int8", op: "Unique", consts: []int{0}, in: ts(tensor.Of([]int8{1, -1}, 2)), want: ts(tensor.Of([]int8{-1, 1}, 2))},
	{name: "empty", op: "Unique", consts: []int{0}, in: ts(vec()), want: ts(vec())},
	{name: "axis", op: "Unique", consts: []int{0}, attrs: attrs("axis", graph.Int(1)), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "run-time", op: "Unique", in: ts(vec(1)), wantErr: graph.ErrNeedsValue},

	{op: "Det", in: ts(f32([]float32{0, 2, 3, 4}, 2, 2)), want: ts(f32([]float32{-6}))},
	{name: "batch", op: "Det", in: ts(f32([]float32{1, 2, 2, 4, 1, 0, 0, 1}, 2, 2, 2)), want: ts(vec(0, 1))},
	{name: "float64", op: "Det", in: ts(f64([]float64{2, 1, 0, 1, 2, 1, 0, 1, 2}, 3, 3)), want: ts(f64([]float64{4}))},
	{name: "no rows", op: "Det", in: ts(f32(nil, 2, 0, 0)), want: ts(vec(1, 1))},
	{name: "shape", op: "Det", in: ts(count(2, 3)), wantErr: graph.ErrModel},

	{op: "CumProd", in: ts(vec(1, 2, 3), i64([]int64{0})), want: ts(vec(1, 2, 6))},
	{name: "exclusive, reverse", op: "CumProd", attrs: attrs("exclusive", graph.Int(1), "reverse", graph.Int(1)), in: ts(vec(1, 2, 3), i64([]int64{0})), want: ts(vec(6, 3, 1))},
	{name: "half", op: "CumProd", in: ts(tensor.Of([]tensor.F16{0x4000, 0x4200}, 2), i64([]int64{-1})), want: ts(tensor.Of([]tensor.F16{0x4000, 0x4600}, 2))},
	{name: "axis", op: "CumProd", in: ts(vec(1), i64([]int64{1})), wantErr: graph.ErrInput},

	{op: "SwiGLU", in: ts(vec(0, inf), vec(2, 3)), want: ts(vec(0, inf))},
	{name: "alpha 0", op: "SwiGLU", attrs: attrs("alpha", graph.Float32(0)), in: ts(vec(4), vec(3)), want: ts(vec(6))},
	{name: "shapes", op: "SwiGLU", in: ts(vec(4), vec(3, 3)), wantErr: graph.ErrModel},

	{op: "TensorScatter", in: ts(count(2, 3, 1), f32([]float32{7, 8}, 2, 1, 1), i64([]int64{2, 0}, 2)), want: ts(f32([]float32{0, 1, 7, 8, 4, 5}, 2, 3, 1))},
	{name: "circular", op: "TensorScatter", attrs: attrs("mode", graph.Str("circular"), "axis", graph.Int(1)), in: ts(count(1, 3), f32([]float32{7, 8}, 1, 2), i64([]int64{5}, 1)), want: ts(f32([]float32{8, 1, 7}, 1, 3))},
	{name: "ON11 beyond", op: "TensorScatter", attrs: attrs("axis", graph.Int(1)), in: ts(count(1, 3), f32([]float32{7, 8}, 1, 2), i64([]int64{2}, 1)), wantErr: graph.ErrInput},
	{name: "ON11 negative", op: "TensorScatter", attrs: attrs("mode", graph.Str("circular"), "axis", graph.Int(1)), in: ts(count(1, 3), f32([]float32{7}, 1, 1), i64([]int64{-1}, 1)), wantErr: graph.ErrInput},
	{name: "long update", op: "TensorScatter", in: ts(count(1, 1, 3), count(1, 2, 3)), wantErr: graph.ErrModel},
	{name: "batch axis", op: "TensorScatter", attrs: attrs("axis", graph.Int(0)), in: ts(count(1, 3), count(1, 3)), wantErr: graph.ErrModel},

	{name: "matmul", op: "Einsum", attrs: equation("ij,jk->ik"), in: ts(count(2, 2), count(2, 2)), want: ts(f32([]float32{2, 3, 6, 11}, 2, 2))},
	{name: "second transposed", op: "Einsum", attrs: equation("ij,kj"), in: ts(count(2, 2), count(2, 2)), want: ts(f32([]float32{1, 3, 3, 13}, 2, 2))},
	{name: "diagonal", op: "Einsum", attrs: equation("...ii ->...i"), in: ts(count(1, 2, 2)), want: ts(f32([]float32{0, 3}, 1, 2))},
	{name: "trace", op: "Einsum", attrs: equation("ii"), in: ts(count(2, 2)), want: ts(f32([]float32{3}))},
	{name: "implicit order", op: "Einsum", attrs: equation("ba"), in: ts(count(2, 2)), want: ts(f32([]float32{0, 2, 1, 3}, 2, 2))},
	{name: "products of elements", op: "Einsum", attrs: equation("bi,bi->b"), in: ts(count(2, 2), count(2, 2)), want: ts(vec(1, 13))},
	{name: "stretched", op: "Einsum", attrs: equation("...i,...i->...i"), in: ts(count(2, 2), f32([]float32{3}, 1)), want: ts(f32([]float32{0, 3, 6, 9}, 2, 2))},
	{name: "scalars", op: "Einsum", attrs: equation(",->"), in: ts(f32([]float32{2}), f32([]float32{3})), want: ts(f32([]float32{6}))},
	{name: "no depth", op: "Einsum", attrs: equation("ij,jk->ik"), in: ts(f32(nil, 1, 0), f32(nil, 0, 1)), want: ts(f32([]float32{0}, 1, 1))},
	{name: "bfloat16", op: "Einsum", attrs: equation("i,i"), in: ts(tensor.Of([]tensor.BF16{0x4000}, 1), tensor.Of([]tensor.BF16{0x4040}, 1)), want: ts(tensor.Of([]tensor.BF16{0x40c0}))},
	{name: "float64", op: "Einsum", attrs: equation("ij->i"), in: ts(f64([]float64{1, 2, 3, 4}, 2, 2)), want: ts(f64([]float64{3, 7}, 2))},
	{name: "ON11 terms", op: "Einsum", attrs: equation("i,j"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 rank", op: "Einsum", attrs: equation("ij"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 axes without a name", op: "Einsum", attrs: equation("i"), in: ts(count(2, 2)), wantErr: graph.ErrModel},
	{name: "ON11 unknown output", op: "Einsum", attrs: equation("i->j"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 repeated output", op: "Einsum", attrs: equation("i->ii"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 two arrows", op: "Einsum", attrs: equation("i->i->i"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 dots", op: "Einsum", attrs: equation("..i->i"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 two ellipses", op: "Einsum", attrs: equation("......->"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 other letters", op: "Einsum", attrs: equation("é->"), in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 sizes", op: "Einsum", attrs: equation("i,i"), in: ts(count(2), count(3)), wantErr: graph.ErrModel},
	{name: "ON11 no equation", op: "Einsum", in: ts(vec(1)), wantErr: graph.ErrModel},
	{name: "ON11 many axes", op: "Einsum", attrs: equation("abcdefghi,jklmnopqr->abcdefghijklmnopqr"), in: ts(count(1, 1, 1, 1, 1, 1, 1, 1, 1), count(1, 1, 1, 1, 1, 1, 1, 1, 1)), wantErr: graph.ErrUnsupported},
}

// TestEinsumAgainstLoops compares random equations of one to three operands with the sum over all values of all labels.
func TestEinsumAgainstLoops(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const letters = "abcDE"
	for range 300 {
		var sizes [len(letters)]int
		for i := range sizes {
			sizes[i] = 1 + r.IntN(3)
		}
		var terms []string
		var in []*tensor.Tensor
		for range 1 + r.IntN(3) {
			var term []byte
			var shape []int
			for range r.IntN(4) {
				l := r.IntN(len(letters))
				term, shape = append(term, letters[l]), append(shape, sizes[l])
				if r.IntN(8) == 0 {
					shape[len(shape)-1] = 1 // stretches
				}
			}
			x := tensor.New(tensor.Int64, shape...)
			for i := range tensor.Data[int64](x) {
				tensor.Data[int64](x)[i] = int64(r.IntN(20) - 10)
			}
			terms, in = append(terms, string(term)), append(in, x)
		}
		var out []byte
		for _, c := range []byte(strings.Join(terms, "")) {
			if !slices.Contains(out, c) && r.IntN(2) == 0 {
				out = append(out, c)
			}
		}
		c := opCase{op: "Einsum", attrs: equation(strings.Join(terms, ",") + "->" + string(out)), in: in}
		got, err := c.run()
		if err != nil {
			t.Fatalf("%s: %v", c.attrs["equation"].String, err)
		}
		if d := diff(got[0], einsumLoops(letters, terms, string(out), in)); d != "" {
			t.Errorf("%s: %s", c.attrs["equation"].String, d)
		}
	}
}

func einsumLoops(letters string, terms []string, out string, in []*tensor.Tensor) *tensor.Tensor {
	dims := map[byte]int{}
	for i, term := range terms {
		for axis, c := range []byte(term) {
			dims[c] = max(dims[c], in[i].Shape[axis])
		}
	}
	shape, total := []int{}, 1
	for _, c := range []byte(out) {
		shape = append(shape, dims[c])
	}
	for _, d := range dims {
		total *= d
	}
	y := tensor.New(tensor.Int64, shape...)
	for at := range total {
		value := map[byte]int{}
		for _, c := range []byte(letters) {
			if d := dims[c]; d > 0 {
				value[c], at = at%d, at/d
			}
		}
		product := int64(1)
		for i, term := range terms {
			from := 0
			for axis, c := range []byte(term) {
				from *= in[i].Shape[axis]
				if in[i].Shape[axis] > 1 {
					from += value[c]
				}
			}
			product *= tensor.Data[int64](in[i])[from]
		}
		to := 0
		for _, c := range []byte(out) {
			to = to*dims[c] + value[c]
		}
		tensor.Data[int64](y)[to] += product
	}
	return y
}
