package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opMatMulInteger is the matrix product of u8 or s8 matrices, less their zero points, in s32, exactly. Inputs: A, B, zero point of A (one,
// or one a row of a matrix), zero point of B (one, or one a column). A constant B is packed once.
var opMatMulInteger = &Op{
	Name: "matmul_integer", Type: "MatMulInteger", Since: 10, MinInputs: 2, Rows: matmulIntegerArgs.rows, Packs: func(i, rank int) bool { return i == 1 && rank == 2 }, Depth: lastAxis,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 4); err != nil {
			return nil, err
		}
		shape, err := matmulIntegerArgs.infer(n, in)
		return []graph.Arg{{DType: tensor.Int32, Shape: shape}}, err
	},
	Build: func(_ *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		return matmulIntegerKernel{newIntegerProduct(matmulIntegerArgs, in, pool)}, nil
	},
}

var matmulIntegerArgs = integerArgs{a: 0, b: 1, zeroA: 2, zeroB: 3}

type matmulIntegerKernel struct{ *integerProduct }

// ScratchBytes implements graph.ScratchKernel.
func (k matmulIntegerKernel) ScratchBytes(args []graph.Arg) int { return k.scratchBytes(args) }

// Run implements graph.Kernel.
func (k matmulIntegerKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	k.run(in, tensor.Data[int32](out[0]), scratch)
	return nil
}
