package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opConv is the convolution of [batch × channels × …] with one or two spatial axes. Constant weights are packed when it is built.
var opConv = &Op{
	Name: "conv", Type: "Conv", Since: 1, MinInputs: 2, Rows: rowsFirst, Packs: packsInput(1), Depth: filterSize,
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
		k := &convKernel{pool: pool, window: w, hasBias: present(in, 2), groups: groups}
		if hasConst(in, 1) {
			k.packed = packConv(w, tensor.Data[float32](in[1].Const), weights[0], weights[1]*groups, groups, kh, kw)
		} else {
			k.dynamic = true
		}
		return k, nil
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
	pool             *kernels.Pool
	window           *window
	packed           *kernels.PackedConv // of constant weights
	hasBias, dynamic bool
	groups           int
}

// scratch is the number of float32 and of int64 for these shapes.
func (k *convKernel) scratch(x, weights []int) (s kernels.ConvShape, floats, ints int) {
	if !k.dynamic {
		s, _, _ = k.window.shape(x)
		floats, ints = k.packed.ConvScratch(&s)
		return s, floats, ints
	}
	w := *k.window
	w.kernel = weights[2:] // may differ between runs
	s, _, _ = w.shape(x)
	p := k.weights(weights)
	floats, ints = p.DynamicScratch(&s)
	return s, floats, ints
}

// weights describes weights of this shape.
func (k *convKernel) weights(shape []int) kernels.PackedConv {
	kh := 1
	if len(shape) == 4 {
		kh = shape[2]
	}
	return kernels.ConvWeights(shape[0], shape[1]*k.groups, k.groups, kh, shape[len(shape)-1])
}

// ScratchBytes implements graph.ScratchKernel: the lists of taps, then the packed image, output and weights.
func (k *convKernel) ScratchBytes(args []graph.Arg) int {
	_, floats, ints := k.scratch(args[0].Shape, args[1].Shape)
	return 8*ints + 4*floats
}

// Run implements graph.Kernel.
func (k *convKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, _, ints := k.scratch(in[0].Shape, in[1].Shape)
	taps, free := scratchInts(scratch[:8*ints]), floats(scratch[8*ints:])
	var bias []float32
	if k.hasBias {
		bias = tensor.Data[float32](in[2])
	}
	dst, x, batch := tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), in[0].Shape[0]
	if k.dynamic {
		w := k.weights(in[1].Shape)
		kernels.ConvDynamicF32(k.pool, dst, x, tensor.Data[float32](in[1]), bias, &w, batch, &s, free, taps)
	} else {
		kernels.ConvF32(k.pool, dst, x, bias, k.packed, batch, &s, free, taps)
	}
	return nil
}
