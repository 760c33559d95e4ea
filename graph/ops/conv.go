package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opConv is the convolution of [batch × channels × …] with one to three spatial axes. Constant weights are packed when it is built.
var opConv = &Op{
	Name: "conv", Type: "Conv", Since: 1, MinInputs: 2, Rows: rowsFirst, Packs: packsInput(1), Depth: filterSize,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		w, _, err := convWindow(n, in)
		if err != nil {
			return nil, err
		}
		shape, err := w.inferSpatial(n, in[0].Shape, in[1].Shape[0])
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		w, groups, err := convWindow(n, in)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return convFloat64{w, groups, present(in, 2), constantsOf(in)}, nil
		}
		if len(in[0].Shape) == 5 {
			return newConv3D(in, w, groups, present(in, 2), pool), nil
		}
		kh, kw := 1, w.kernel[len(w.kernel)-1]
		if len(w.kernel) == 2 {
			kh = w.kernel[0]
		}
		weights := in[1].Shape
		k := &convKernel{pool: pool, window: w, hasBias: present(in, 2), groups: groups}
		if hasConst(in, 1) {
			k.packed = packConv(w, in[1].Place, tensor.Data[float32](in[1].Const), weights[0], weights[1]*groups, groups, kh, kw)
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
	if err := sameFloats(n, in); err != nil {
		return nil, 0, err
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
	_, _, ints := k.scratch(in[0].Shape, in[1].Shape)
	taps, free := words[int64](scratch[:8*ints]), floats(scratch[8*ints:])
	var bias, weights []float32
	if k.hasBias {
		bias = tensor.Data[float32](in[2])
	}
	if k.dynamic {
		weights = tensor.Data[float32](in[1])
	}
	k.convolve(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), weights, bias, in[0].Shape, in[1].Shape, free, taps)
	return nil
}

// convolve runs on a batch of images; weights counts where they are not packed.
func (k *convKernel) convolve(dst, x, weights, bias []float32, shape, weightShape []int, free []float32, taps []int64) {
	s, _, _ := k.scratch(shape, weightShape)
	if k.dynamic {
		w := k.weights(weightShape)
		kernels.ConvDynamicF32(k.pool, dst, x, weights, bias, &w, shape[0], &s, free, taps)
		return
	}
	kernels.ConvF32(k.pool, dst, x, bias, k.packed, shape[0], &s, free, taps)
}

// sameFloats checks that all inputs are float32, or all float64.
func sameFloats(n *graph.Node, in []graph.Arg) error {
	for i := range in {
		if !present(in, i) {
			continue
		}
		if err := wantDType(n, in, i, tensor.Float32, tensor.Float64); err != nil {
			return err
		}
		if in[i].DType != in[0].DType {
			return modelErr(n, "inputs are %s and %s", in[0].DType, in[i].DType)
		}
	}
	return nil
}

// convFloat64 is a convolution of float64, in plain Go.
type convFloat64 struct {
	window  *window
	groups  int
	hasBias bool
	constants
}

// Run implements graph.Kernel.
func (k convFloat64) Run(in, out []*tensor.Tensor, _ []byte) error {
	w := *k.window
	w.kernel = in[1].Shape[2:] // may differ between runs
	v := w.volume(in[0].Shape)
	p := convOperands[float64, float64, float64]{x: tensor.Data[float64](in[0]), w: tensor.Data[float64](k.input(in, 1)), dst: tensor.Data[float64](out[0]),
		batch: in[0].Shape[0], m: in[1].Shape[0], c: in[0].Shape[1], groups: k.groups}
	if k.hasBias {
		p.bias = tensor.Data[float64](in[2])
	}
	convPlain(&v, &p)
	return nil
}
