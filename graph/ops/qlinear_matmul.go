package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opQLinearMatMul is the product of quantised matrices, quantised: inputs A, its scale and zero point, B, its scales (one, or one a
// column) and zero points, scale and zero point of the result. Scales and zero points are constants; A, B and the result are u8 or s8.
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
	return []graph.Arg{{DType: in[7].DType, Shape: shape}}, err
}

type qlinearMatMulKernel struct {
	*integerProduct
	requant kernels.Requant
	flip    uint8 // of the result: 128 where it is s8
	// fused says that the zero points lie in requant's bias, so that the product requantises its own sums.
	fused   bool
	signedA bool
}

func buildQLinearMatMul(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	_, _, cols := matrixShape(in[3].Shape, false)
	scale := [3][]float32{}
	for i, at := range []int{1, 4, 6} {
		if in[at].DType != tensor.Float32 || !hasConst(in, at) || !hasConst(in, at+1) {
			return nil, unsupported(n, "inputs %d and %d, expected a constant float32 scale and a constant zero point", at, at+1)
		}
		scale[i] = tensor.Data[float32](in[at].Const)
		if count := len(scale[i]); count != 1 && (i != 1 || count != cols) {
			return nil, unsupported(n, "%d scales in input %d, expected 1", count, at)
		}
		for _, s := range scale[i] {
			if !(s > 0) || math.IsInf(float64(s), 0) {
				return nil, modelErr(n, "a scale of %v, expected a positive finite number", s)
			}
		}
	}
	if in[7].Const.Len() != 1 {
		return nil, unsupported(n, "zero point of shape %v for the result, expected one element", in[7].Shape)
	}
	k := &qlinearMatMulKernel{integerProduct: newIntegerProduct(qlinearMatMulArgs, in, pool), signedA: in[0].DType == tensor.Int8}
	k.requant = kernels.Requant{Bias: make([]int32, cols), Mult: make([]float32, cols), Hi: math.MaxUint8, ZeroPoint: zeroPoint(in[7].Const, 0)}
	if in[7].DType == tensor.Int8 {
		k.flip = 128
		k.requant.ZeroPoint += 128
	}
	for j := range cols {
		m := float32(float64(scale[0][0]) * float64(element(scale[1], j)) / float64(scale[2][0]))
		if math.IsInf(float64(m), 0) {
			return nil, modelErr(n, "scales %v · %v / %v overflow float32", scale[0][0], element(scale[1], j), scale[2][0])
		}
		k.requant.Mult[j] = m
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

// ScratchBytes implements graph.ScratchKernel: the sums, then what the product needs.
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
	return 4*count + k.scratchBytes(args)
}

// Run implements graph.Kernel.
func (k *qlinearMatMulKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	dst, cols := out[0].Bytes, len(k.requant.Mult)
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
		k.run(in, sums, scratch[4*len(dst):])
		kernels.RequantizeU8(dst, sums, &k.requant)
	}
	if k.flip != 0 {
		kernels.XorU8(dst, dst, k.flip)
	}
	return nil
}
