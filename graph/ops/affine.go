package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// AttrAffine holds the scale and the shift of Affine, and of a convolution's epilogue.
const AttrAffine = "affine"

// opAffine is x·scale + shift with two numbers, one FMA: what passes make of a multiplication and an addition.
var opAffine = &Op{
	Name: "affine", Domain: graph.DomainFused, Type: "Affine", Elementwise: true,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		if there, _, _, err := readAffine(n); err != nil || !there {
			return nil, modelErr(n, "attribute %q, expected two numbers", AttrAffine)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		_, scale, shift, err := readAffine(n)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			kernels.AffineF32(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), 0, scale, shift)
			return nil
		}), err
	},
}

// readAffine reads AttrAffine, which may be missing.
func readAffine(n *graph.Node) (there bool, scale, shift float32, err error) {
	a, there := n.Attrs[AttrAffine]
	if !there {
		return false, 0, 0, nil
	}
	if len(a.Floats) != 2 {
		return false, 0, 0, modelErr(n, "attribute %q has %d numbers, expected 2", AttrAffine, len(a.Floats))
	}
	return true, a.Floats[0], a.Floats[1], nil
}
