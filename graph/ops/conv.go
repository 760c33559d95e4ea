package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opConv is the convolution of [batch × channels × …] with one or two spatial axes and constant weights, packed when it is built.
var opConv = &Op{
	Name: "conv", Type: "Conv", Since: 1, MinInputs: 2, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		w, _, err := convWindow(n, in)
		if err != nil {
			return nil, err
		}
		shape, err := w.inferSpatial(n, in[0].Shape, in[1].Shape[0])
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		w, groups, err := convWindow(n, in)
		if err != nil {
			return nil, err
		}
		kh, kw := 1, w.kernel[len(w.kernel)-1]
		if len(w.kernel) == 2 {
			kh = w.kernel[0]
		}
		weights := in[1].Shape
		packed := packConv(w, tensor.Data[float32](in[1].Const), weights[0], weights[1]*groups, groups, kh, kw)
		return &convKernel{pool, w, packed, present(in, 2)}, nil
	},
}

// convWindow checks the inputs and attributes.
func convWindow(n *graph.Node, in []graph.Arg) (w *window, groups int, err error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, 0, err
	}
	for i := range in {
		if present(in, i) {
			if err := wantDType(n, in, i, tensor.Float32); err != nil {
				return nil, 0, err
			}
		}
	}
	x, weights := in[0].Shape, in[1].Shape
	if len(x) < 3 || len(weights) != len(x) {
		return nil, 0, modelErr(n, "input %v and weights %v", x, weights)
	}
	if !hasConst(in, 1) {
		return nil, 0, unsupported(n, "weights that are not a constant")
	}
	group, err := n.IntAttr("group", 1)
	if err != nil {
		return nil, 0, err
	}
	size, _ := tensor.Elements(weights)
	if group < 1 || group > int64(weights[0]) || int64(weights[0])%group != 0 || int64(x[1])%group != 0 || int64(x[1])/group != int64(weights[1]) || size == 0 {
		return nil, 0, modelErr(n, "%d groups of input %v and weights %v", group, x, weights)
	}
	if present(in, 2) && (len(in[2].Shape) != 1 || in[2].Shape[0] != weights[0]) {
		return nil, 0, modelErr(n, "bias %v for weights %v", in[2].Shape, weights)
	}
	w, err = windowOf(n, len(x)-2, weights[2:])
	return w, int(group), err
}

type convKernel struct {
	pool    *kernels.Pool
	window  *window
	packed  *kernels.PackedConv
	hasBias bool
}

// ScratchBytes implements graph.ScratchKernel: the lists of taps, then the packed image and output.
func (k *convKernel) ScratchBytes(args []graph.Arg) int {
	s, _, _ := k.window.shape(args[0].Shape)
	floats, ints := k.packed.ConvScratch(&s)
	return 8*ints + 4*floats
}

// Run implements graph.Kernel.
func (k *convKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, _, _ := k.window.shape(in[0].Shape)
	_, ints := k.packed.ConvScratch(&s)
	taps := tensor.Tensor{DType: tensor.Int64, Bytes: scratch[:8*ints]}
	var bias []float32
	if k.hasBias {
		bias = tensor.Data[float32](in[2])
	}
	kernels.ConvF32(k.pool, tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), bias, k.packed, in[0].Shape[0], &s, floats(scratch[8*ints:]), tensor.Data[int64](&taps))
	return nil
}
