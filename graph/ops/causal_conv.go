package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opCausalConv convolves each channel of [batch, channels, length] with weights of its own [channels, 1, k], looking back only: at the past
// state, or zeros, then the input. Taps are added in ascending order to the bias, or to the first product, each product rounded. Output 1 is
// the state of the next call: the last k − 1 positions.
var opCausalConv = viaFloat32(&Op{
	Name: "causal_conv_with_state", Type: "CausalConvWithState", Since: 27, MinInputs: 2,
	Rows: func(_ *graph.Node, in []graph.Arg, rows []bool) bool {
		return rows[0] && !rows[1] && (len(in) < 3 || !rows[2]) && (!present(in, 3) || rows[3])
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 4); err != nil {
			return nil, err
		}
		for i := range in {
			if present(in, i) {
				if err := wantDType(n, in, i, tensor.Float32); err != nil {
					return nil, err
				}
			}
		}
		x, w := in[0].Shape, in[1].Shape
		if len(x) != 3 || len(w) != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1 {
			return nil, modelErr(n, "weights of shape %v for an input of shape %v", w, x)
		}
		state := []int{x[0], x[1], w[2] - 1}
		if present(in, 2) && !slices.Equal(in[2].Shape, x[1:2]) || present(in, 3) && !slices.Equal(in[3].Shape, state) {
			return nil, modelErr(n, "a bias or past state that does not fit %v and %v", x[1:2], state)
		}
		if _, err := causalActivation(n); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: x}, {DType: tensor.Float32, Shape: state}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		silu, err := causalActivation(n)
		return &causalConv{silu, present(in, 2), present(in, 3)}, err
	},
})

func causalActivation(n *graph.Node) (silu bool, err error) {
	a, err := n.StringAttr("activation", "none")
	if err == nil && a != "none" && a != "silu" && a != "swish" {
		err = modelErr(n, "attribute \"activation\" is %q, expected none, silu or swish", a)
	}
	return a != "none", err
}

type causalConv struct{ silu, hasBias, hasPast bool }

// ScratchBytes implements graph.ScratchKernel: one channel behind its past, and its products with one tap.
func (k *causalConv) ScratchBytes(args []graph.Arg) int {
	return 4 * (2*args[0].Shape[2] + args[1].Shape[2])
}

// Run implements graph.Kernel.
func (k *causalConv) Run(in, out []*tensor.Tensor, scratch []byte) error {
	shape, taps := in[0].Shape, in[1].Shape[2]
	length, back := shape[2], taps-1
	memory := floats(scratch)
	line, products := memory[:back+length], memory[back+length:back+2*length]
	x, w, y := tensor.Data[float32](in[0]), tensor.Data[float32](in[1]), tensor.Data[float32](out[0])
	for i := range shape[0] * shape[1] {
		c := i % shape[1]
		clear(line[:back])
		if k.hasPast {
			copy(line[:back], tensor.Data[float32](in[3])[i*back:])
		}
		copy(line[back:], x[i*length:])
		if len(out) > 1 {
			copy(tensor.Data[float32](out[1])[i*back:(i+1)*back], line[length:])
		}
		sum := y[i*length : (i+1)*length]
		for t := range taps {
			switch tap := w[c*taps+t:][:1]; {
			case t > 0:
				kernels.MulF32(products, line[t:t+length], tap)
				kernels.AddF32(sum, sum, products)
			case k.hasBias:
				kernels.MulF32(products, line[:length], tap)
				kernels.AddF32(sum, products, tensor.Data[float32](in[2])[c:c+1])
			default:
				kernels.MulF32(sum, line[:length], tap)
			}
		}
	}
	if k.silu {
		kernels.SiluF32(y, y)
	}
	return nil
}
