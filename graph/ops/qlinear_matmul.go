package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opQLinearMatMul is the product of quantised matrices, quantised: inputs A, its scale and zero point, B, its scales (one, or one a
// column) and zero points, scale and zero point of the result. A, B and the result are u8 or s8.
//
// With the exact sum S of (A−zero)·(B−zero): sat(roundeven(f32(S)·m) + zero point), m = f32(f64(scale_a)·f64(scale_b) / f64(scale_y)).
var opQLinearMatMul = &Op{
	Name: "qlinear_matmul", Type: "QLinearMatMul", Since: 10, MinInputs: 8, Rows: qlinearMatMulArgs.rows, Packs: func(i, rank int) bool { return i == 3 && rank == 2 }, Depth: lastAxis,
	Infer: inferQLinearMatMul, Build: buildQLinearMatMul,
}

var qlinearMatMulArgs = integerArgs{a: 0, b: 3, zeroA: 2, zeroB: 5}

func inferQLinearMatMul(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 8, 8); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 7, tensor.Uint8, tensor.Int8); err != nil {
		return nil, err
	}
	shape, err := qlinearMatMulArgs.infer(n, in)
	if err != nil {
		return nil, err
	}
	_, _, cols := matrixShape(in[3].Shape, false)
	for i, at := range []int{1, 4, 6} {
		if err := wantDType(n, in, at, tensor.Float32, tensor.Float16, tensor.BFloat16); err != nil {
			return nil, err
		}
		if count, ok := tensor.Elements(in[at].Shape); !ok || count != 1 && (i != 1 || count != cols) {
			return nil, unsupported(n, "scales of shape %v in input %d, expected 1", in[at].Shape, at)
		}
	}
	if count, ok := tensor.Elements(in[7].Shape); !ok || count != 1 {
		return nil, unsupported(n, "zero point of shape %v for the result, expected one element", in[7].Shape)
	}
	return []graph.Arg{{DType: in[7].DType, Shape: shape}}, err
}

type qlinearMatMulKernel struct {
	*integerProduct
	requant kernels.Requant
	flip    uint8 // of the result: 128 where it is s8
	// fused says that the zero points lie in requant's bias, so that the product requantises its own sums.
	fused   bool
	signedA bool
	// dynamicScale says that scales and zero points come with each run.
	dynamicScale bool
	cols         int
}

func buildQLinearMatMul(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	_, _, cols := matrixShape(in[3].Shape, false)
	k := &qlinearMatMulKernel{integerProduct: newIntegerProduct(qlinearMatMulArgs, in, pool), signedA: in[0].DType == tensor.Int8, cols: cols}
	if in[7].DType == tensor.Int8 {
		k.flip = 128
	}
	given := make([]*tensor.Tensor, 8)
	for _, at := range []int{1, 2, 4, 5, 6, 7} {
		if !hasConst(in, at) {
			k.dynamicScale = true
			return k, nil
		}
		given[at] = in[at].Const
	}
	k.requant = kernels.Requant{Bias: make([]int32, cols), Mult: make([]float32, cols)}
	k.readScales(&k.requant, given)
	for j, m := range k.requant.Mult {
		if !(m > 0) || math.IsInf(float64(m), 0) {
			return nil, modelErr(n, "a factor of %v from the scales of column %d, expected a positive finite number", m, j)
		}
	}
	if k.fused = k.packed != nil && k.zero == nil && in[2].Const.Len() == 1; k.fused {
		z := zeroPoint(in[2].Const, 0)
		if k.signedA {
			z += 128
		}
		for j, sum := range k.packed.ColSum {
			k.requant.Bias[j] = -z * sum
		}
	}
	return k, nil
}

// readScales fills in factors, limits and zero point.
func (k *qlinearMatMulKernel) readScales(r *kernels.Requant, in []*tensor.Tensor) {
	var a, b, y [1]float64
	loadFloat64(a[:], in[1], 0)
	loadFloat64(y[:], in[6], 0)
	for j := range r.Mult {
		if j == 0 || in[4].Len() > 1 {
			loadFloat64(b[:], in[4], j)
		}
		r.Mult[j] = float32(float64(a[0]*b[0]) / y[0])
	}
	r.Hi, r.ZeroPoint = math.MaxUint8, zeroPoint(in[7], 0)+int32(k.flip)
}

// ScratchBytes implements graph.ScratchKernel: the sums, factors and biases of a run, then what the product needs.
func (k *qlinearMatMulKernel) ScratchBytes(args []graph.Arg) int {
	if k.fused {
		return 0
	}
	batchA, m, _ := matrixShape(args[0].Shape, true)
	batchB, _, cols := matrixShape(args[3].Shape, false)
	count := m * cols
	for i := range max(len(batchA), len(batchB)) {
		count *= max(dimFromEnd(batchA, i+1), dimFromEnd(batchB, i+1))
	}
	return 4*(count+2*k.cols) + k.scratchBytes(args)
}

// Run implements graph.Kernel.
func (k *qlinearMatMulKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	dst, cols := out[0].Bytes, k.cols
	switch {
	case len(dst) == 0:
		return nil
	case k.fused && k.signedA:
		kernels.GemmS8S8U8(k.pool, len(dst)/cols, tensor.Data[int8](in[0]), k.packed.K, k.packed, dst, cols, &k.requant)
	case k.fused:
		kernels.GemmU8S8U8(k.pool, len(dst)/cols, in[0].Bytes, k.packed.K, k.packed, dst, cols, &k.requant)
	default:
		ints := tensor.Tensor{DType: tensor.Int32, Bytes: scratch[:4*len(dst)]}
		sums := tensor.Data[int32](&ints)
		r, rest := k.requant, scratch[4*len(dst):]
		if k.dynamicScale {
			bias := tensor.Tensor{DType: tensor.Int32, Bytes: rest[4*cols : 8*cols]}
			r = kernels.Requant{Mult: floats(rest[:4*cols]), Bias: tensor.Data[int32](&bias)}
			clear(r.Bias)
			k.readScales(&r, in)
		}
		k.run(in, sums, rest[8*cols:])
		kernels.RequantizeU8(dst, sums, &r)
	}
	if k.flip != 0 {
		kernels.XorU8(dst, dst, k.flip)
	}
	return nil
}
