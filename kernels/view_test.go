package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
)

// TestCopyView compares random views with an element-by-element walk.
func TestCopyView(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		size := 1 << r.IntN(4)
		src := make([]byte, 4096*size)
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		v := View{Size: size, Offset: 2000}
		var dims, steps []int
		total := 1
		for range r.IntN(5) {
			n, step := r.IntN(13), r.IntN(61)-30
			if r.IntN(3) == 0 {
				step = 1
			}
			dims, steps, total = append(dims, n), append(steps, step), total*n
			v.Axis(n, step)
		}
		dst := make([]byte, total*size)
		CopyView(dst, src, &v)
		for i := range total {
			at, rest := 2000, i
			for a := len(dims) - 1; a >= 0; a-- {
				at += rest % dims[a] * steps[a]
				rest /= dims[a]
			}
			if !slices.Equal(dst[i*size:(i+1)*size], src[at*size:(at+1)*size]) {
				t.Fatalf("round %d: size %d, dims %v, steps %v: element %d is wrong", round, size, dims, steps, i)
			}
		}
	}
}

// TestPad compares with NumPy's definition along one axis, applied to both axes of a matrix.
func TestPad(t *testing.T) {
	const rows, cols = 3, 4
	src := []byte("abcdefghijkl")
	for mode, row := range map[PadMode]func(i, n int) int{
		PadConstant: func(i, n int) int { return -1 },
		PadEdge:     func(i, n int) int { return max(0, min(i, n-1)) },
		PadReflect:  func(i, n int) int { return max(i, -i) - 2*max(0, i-(n-1)) },
		PadWrap:     func(i, n int) int { return (i + n) % n },
	} {
		for _, b := range [][4]int{{0, 0, 0, 0}, {1, 2, 2, 1}, {2, 0, 0, 3}, {-1, 2, -2, 1}, {2, -1, 3, -1}} {
			out := []int{rows + b[0] + b[1], cols + b[2] + b[3]}
			dst := make([]byte, out[0]*out[1])
			Pad(dst, src, out, []int{rows, cols}, []int{b[0], b[2]}, mode, []byte("-"), 1)
			for i := range dst {
				y, x := i/out[1]-b[0], i%out[1]-b[2]
				if y < 0 || y >= rows {
					y = row(y, rows)
				}
				if x < 0 || x >= cols {
					x = row(x, cols)
				}
				want := byte('-')
				if x >= 0 && y >= 0 {
					want = src[y*cols+x]
				}
				if dst[i] != want {
					t.Fatalf("mode %d pads %v: element %d of %v is %c, want %c", mode, b, i, out, dst[i], want)
				}
			}
		}
	}
}

// TestSelect compares TopK with a stable sort, and the arg-reductions with its ends.
func TestSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		outer, n, inner := 1+r.IntN(3), 1+r.IntN(40), 1+r.IntN(3)
		k := 1 + r.IntN(n)
		x := make([]float32, outer*n*inner)
		for i := range x {
			x[i] = float32(r.IntN(20))
		}
		values, indices, arg := make([]float32, outer*k*inner), make([]int64, outer*k*inner), make([]int64, outer*inner)
		for _, largest := range []bool{true, false} {
			TopK(values, indices, x, outer, n, inner, k, largest, make([]int32, n))
			if largest {
				ArgMax(arg, x, outer, n, inner, false)
			} else {
				ArgMin(arg, x, outer, n, inner, false)
			}
			for lane := range outer * inner {
				at := func(j int) float32 { return x[(lane/inner*n+j)*inner+lane%inner] }
				order := make([]int, n)
				for j := range order {
					order[j] = j
				}
				sort.SliceStable(order, func(a, b int) bool {
					if largest {
						return at(order[a]) > at(order[b])
					}
					return at(order[a]) < at(order[b])
				})
				for j := range k {
					to := (lane/inner*k+j)*inner + lane%inner
					if indices[to] != int64(order[j]) || values[to] != at(order[j]) {
						t.Fatalf("top %d of %d: element %d is %d, want %d", k, n, j, indices[to], order[j])
					}
				}
				if arg[lane] != int64(order[0]) {
					t.Fatalf("arg: %d, want %d", arg[lane], order[0])
				}
			}
		}
	}
}

func BenchmarkTranspose(b *testing.B) {
	for _, n := range []int{64, 384, 2048} {
		src, dst := make([]byte, 4*n*n), make([]byte, 4*n*n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.SetBytes(int64(8 * n * n))
			for b.Loop() {
				v := View{Size: 4}
				v.Axis(n, 1)
				v.Axis(n, n)
				CopyView(dst, src, &v)
			}
		})
	}
}

// BenchmarkFamilies runs one function of each elementwise, reducing and normalising family on every tier.
func BenchmarkFamilies(b *testing.B) {
	const n = 128 * 384
	x, y, dst := randomF32(n), randomF32(n), make([]float32, n)
	scratch := make([]float32, n)
	for _, k := range []struct {
		family, name string
		run          func()
	}{
		{"erf_f32", "erf", func() { ErfF32(dst, x) }},
		{"gelu_f32", "gelu", func() { GeluF32(dst, x) }},
		{"gelu_tanh_f32", "gelu_tanh", func() { GeluTanhF32(dst, x) }},
		{"silu_f32", "silu", func() { SiluF32(dst, x) }},
		{"elu_f32", "elu", func() { EluF32(dst, x, 1) }},
		{"softplus_f32", "softplus", func() { SoftplusF32(dst, x) }},
		{"log_f32", "log", func() { LogF32(dst, x) }},
		{"hard_swish_f32", "hard_swish", func() { HardSwishF32(dst, x) }},
		{"sqrt_f32", "sqrt", func() { SqrtF32(dst, x) }},
		{"sign_f32", "sign", func() { SignF32(dst, x) }},
		{"add_f32", "add", func() { AddF32(dst, x, y) }},
		{"div_f32", "div", func() { DivF32(dst, x, y) }},
		{"maximum_f32", "maximum", func() { MaximumF32(dst, x, y) }},
		{"mul_f32", "pow=2", func() { PowF32(dst, x, []float32{2}) }},
		{"sum_f32", "sum", func() { SumF32(x) }},
		{"sum_square_f32", "sum_square", func() { SumSquareF32(x, 0.5) }},
		{"max_f32", "max", func() { MaxF32(x) }},
		{"add_f32", "sum_columns", func() { ReduceF32(ReduceSum, dst[:384], x, 1, 128, 384, nil) }},
		{"norm_f32", "layer_norm", func() { LayerNormF32(nil, dst, x, y[:384], y[:384], 128, 384, 1e-5) }},
		{"norm_f32", "rms_norm", func() { RMSNormF32(nil, dst, x, y[:384], 128, 384, 1e-5) }},
		{"affine_f32", "batch_norm", func() { BatchNormF32(dst, x, y[:384], y[:384], 1, 384, 128) }},
		{"exp_f32", "softmax", func() { SoftmaxF32(dst, x, 128, 384) }},
		{"exp_f32", "softmax_axis", func() { SoftmaxAxisF32(dst, x, 1, 128, 384, false, scratch) }},
	} {
		eachTier(b, k.family, "op="+k.name, func(b *testing.B) {
			if Tier() == cpu.Ref && testing.Short() {
				b.Skip("slow")
			}
			b.SetBytes(4 * n)
			b.ReportAllocs()
			for b.Loop() {
				k.run()
			}
		})
	}
}
