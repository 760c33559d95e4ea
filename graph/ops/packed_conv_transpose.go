package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// AttrPlanes asks a packed operator for a plain result.
const AttrPlanes = "planes"

// opPackedConvTranspose is a transposed convolution of a packed value, with constant weights whose kernel is the stride: inputs x, weights
// and bias, which is constant too.
var opPackedConvTranspose = &Op{
	Name: "packed_conv_transpose", Domain: graph.DomainFused, Type: opConvTranspose.Type, MinInputs: 2, Rows: rowsFirst, Packs: packsAll,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 3); err != nil {
			return nil, err
		}
		if err := wantPacked(n, in, 0); err != nil {
			return nil, err
		}
		x, w := in[0].Shape, in[1].Shape
		if in[1].DType != tensor.Float32 || len(w) != 4 || slices.Min(w) < 1 || kernels.ConvBlocks(w[0]) != x[1] {
			return nil, modelErr(n, "packed input %v and weights %v", x, w)
		}
		if present(in, 2) && (in[2].DType != tensor.Float32 || !slices.Equal(in[2].Shape, w[1:2])) {
			return nil, modelErr(n, "bias %v of weights %v", in[2].Shape, w)
		}
		planes, err := n.IntAttr(AttrPlanes, 0)
		if err != nil {
			return nil, err
		}
		if _, err := readActivation(n); err != nil {
			return nil, err
		}
		shape := packedShape(x[0], w[1], multiplied(x[2], w[2]), multiplied(x[3], w[3]))
		if planes != 0 {
			shape = []int{shape[0], w[1], shape[2], shape[3]}
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		if !hasConst(in, 1) || present(in, 2) && !hasConst(in, 2) {
			return nil, unsupported(n, "weights or a bias that are not constants")
		}
		planes, err := n.IntAttr(AttrPlanes, 0)
		if err != nil {
			return nil, err
		}
		e, err := readActivation(n)
		if err != nil {
			return nil, err
		}
		var bias []float32
		if present(in, 2) {
			bias = tensor.Data[float32](in[2].Const)
		}
		w := in[1].Shape
		packed := kernels.PackTranspose(tensor.Data[float32](in[1].Const), bias, w[0], w[1], w[2], w[3], planes != 0)
		return &packedConvTranspose{pool, packed, e}, nil
	},
}

type packedConvTranspose struct {
	pool     *kernels.Pool
	packed   *kernels.PackedTranspose
	epilogue kernels.Epilogue
}

// ScratchBytes implements graph.ScratchKernel.
func (k *packedConvTranspose) ScratchBytes(args []graph.Arg) int {
	floats, ints := k.packed.Scratch(args[0].Shape[2], args[0].Shape[3])
	return 8*ints + 4*floats
}

// Run implements graph.Kernel.
func (k *packedConvTranspose) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x := in[0].Shape
	_, ints := k.packed.Scratch(x[2], x[3])
	kernels.ConvTransposePackedF32(k.pool, tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), &k.epilogue, k.packed, x[0], x[2], x[3],
		floats(scratch[8*ints:]), words[int64](scratch[:8*ints]))
	return nil
}
