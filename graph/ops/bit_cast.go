package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opBitCast reads the bits of elements as those of another dtype of the same width, little endian. A byte that becomes a bool is 1 unless
// it is 0.
var opBitCast = &Op{
	Name: "bit_cast", Type: "BitCast", Since: 26, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		to, err := castTo(n)
		if err != nil {
			return nil, err
		}
		if from := in[0].DType; from.Size() == 0 || to.Size() != from.Size() || to.FileBits() != from.FileBits() {
			return nil, modelErr(n, "the bits of %s as %s", from, to)
		}
		return []graph.Arg{{DType: to, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		to, err := castTo(n)
		shift := 8 - to.FileBits()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			dst := out[0].Bytes
			copy(dst, in[0].Bytes)
			switch to {
			case tensor.Bool:
				for i, v := range dst {
					dst[i] = min(v, 1)
				}
			case tensor.Int4, tensor.Int2: // in memory the sign fills the byte
				for i, v := range dst {
					dst[i] = uint8(int8(v<<shift) >> shift)
				}
			case tensor.Uint4, tensor.Uint2, tensor.Float4E2M1:
				for i, v := range dst {
					dst[i] = v << shift >> shift
				}
			}
			return nil
		}), err
	},
}
