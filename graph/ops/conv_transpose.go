package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opConvTranspose is the transposed convolution of [batch × channels × …] with one to three spatial axes and weights
// [channels × filters/groups × …]. Constant weights are packed when it is built.
var opConvTranspose = &Op{
	Name: "conv_transpose", Type: "ConvTranspose", Since: 1, MinInputs: 2, Rows: rowsFirst, Packs: packsInput(1),
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		t, err := readConvTranspose(n, in)
		if err != nil {
			return nil, err
		}
		shape := []int{in[0].Shape[0], t.filters}
		for i, d := range in[0].Shape[2:] {
			size, _, ok := t.output(i, d, t.kernel[i])
			if !ok {
				return nil, modelErr(n, "input %v with kernel %v, strides %v and pads %v and %v has no output", in[0].Shape, t.kernel, t.stride, t.before, t.after)
			}
			shape = append(shape, size)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		t, err := readConvTranspose(n, in)
		if err != nil {
			return nil, err
		}
		switch {
		case in[0].DType == tensor.Float64:
			return &transposeFloat64{t, constantsOf(in)}, nil
		case len(in[0].Shape) == 5:
			return newTranspose3D(t, in, pool), nil
		}
		t.prepare(in, in[1].Shape[0], pool)
		return t, nil
	},
}

// prepare packs constant weights, as those of this many channels.
func (t *convTranspose) prepare(in []graph.Arg, channels int, pool *kernels.Pool) {
	t.pool = pool
	if t.dynamic = !hasConst(in, 1); t.dynamic {
		return
	}
	w := make([]float32, in[1].Const.Len())
	filtersFirst(w, tensor.Data[float32](in[1].Const), in[1].Shape, t.groups)
	p := t.described(t.filters, channels, t.kernel)
	t.packed = kernels.PackConv(w, t.filters, channels, t.groups, p.KH, p.KW)
}

// described is weights of a kernel of one or two axes, without their data.
func (t *convTranspose) described(filters, channels int, kernel []int) kernels.PackedConv {
	kh := 1
	if len(kernel) == 2 {
		kh = kernel[0]
	}
	return kernels.ConvWeights(filters, channels, t.groups, kh, kernel[len(kernel)-1])
}

// filtersFirst brings weights [channels × filters/groups × …] into the order of a convolution, [filters × channels/groups × …].
func filtersFirst(dst, w []float32, shape []int, groups int) {
	channels, perGroup, taps := shape[0], shape[1], strideOf(shape, 1)
	cg := channels / groups
	for row := range channels * perGroup {
		c, o := row/perGroup, row%perGroup
		copy(dst[((c/cg*perGroup+o)*cg+c%cg)*taps:][:taps], w[row*taps:])
	}
}

type convTranspose struct {
	*window
	pool            *kernels.Pool
	packed          *kernels.PackedConv // of constant weights
	dynamic         bool                // weights come with each run, and so do their sizes
	groups, filters int
	extra, outputs  []int // attributes output_padding and output_shape; nil: not given
	hasBias         bool
}

func readConvTranspose(n *graph.Node, in []graph.Arg) (*convTranspose, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	if err := sameFloats(n, in); err != nil {
		return nil, err
	}
	x, weights := in[0].Shape, in[1].Shape
	if len(x) < 3 || len(weights) != len(x) {
		return nil, modelErr(n, "input %v and weights %v", x, weights)
	}
	groups, err := n.IntAttr("group", 1)
	if err != nil {
		return nil, err
	}
	size, _ := tensor.Elements(weights)
	if size == 0 || weights[0] != x[1] || groups < 1 || groups > int64(x[1]) || int64(x[1])%groups != 0 || int64(weights[1]) > math.MaxInt32/groups {
		return nil, modelErr(n, "%d groups of input %v and weights %v", groups, x, weights)
	}
	t := &convTranspose{groups: int(groups), filters: weights[1] * int(groups), hasBias: present(in, 2)}
	if t.hasBias && (len(in[2].Shape) != 1 || in[2].Shape[0] != t.filters) {
		return nil, modelErr(n, "bias %v for %d filters", in[2].Shape, t.filters)
	}
	if t.window, err = windowOf(n, len(x)-2, weights[2:]); err != nil {
		return nil, err
	}
	for _, list := range []struct {
		name  string
		least int64
		to    *[]int
	}{{"output_padding", 0, &t.extra}, {"output_shape", 1, &t.outputs}} {
		given, err := n.IntsAttr(list.name)
		if err != nil {
			return nil, err
		}
		if list.name == "output_shape" && len(given) == len(x) {
			given = given[2:] // old exporters name batch and channels too
		}
		if given != nil && len(given) != len(x)-2 || slices.ContainsFunc(given, func(v int64) bool { return v < list.least || v > math.MaxInt32 }) {
			return nil, modelErr(n, "attribute %q is %v", list.name, given)
		}
		for _, v := range given {
			*list.to = append(*list.to, int(v))
		}
	}
	return t, nil
}

// output returns the size of output axis i for d inputs and a kernel of this many taps, and the padding before it.
func (t *convTranspose) output(i, d, kernel int) (size, before int, ok bool) {
	if d < 1 || d > math.MaxInt32 {
		return 0, 0, false
	}
	full := (d-1)*t.stride[i] + (kernel-1)*t.dilation[i] + 1
	if t.extra != nil {
		full += t.extra[i]
	}
	switch {
	case t.outputs != nil:
		size = t.outputs[i]
	case t.same != "":
		size = d * t.stride[i]
	default:
		size = full - t.before[i] - t.after[i]
		return size, t.before[i], size > 0
	}
	padding := max(0, full-size)
	if before = padding / 2; t.same != "UPPER" {
		before = padding - before
	}
	return size, before, size > 0
}

// shape is the geometry for an input of this shape and a kernel of one or two axes.
func (t *convTranspose) shape(in, kernel []int) kernels.ConvShape {
	s := kernels.ConvShape{H: 1, OH: 1, KH: 1, StrideH: 1, DilationH: 1}
	last := len(in) - 3
	if last == 1 {
		s.H, s.KH, s.StrideH, s.DilationH = in[2], kernel[0], t.stride[0], t.dilation[0]
		s.OH, s.Top, _ = t.output(0, s.H, s.KH)
	}
	s.W, s.KW, s.StrideW, s.DilationW = in[2+last], kernel[last], t.stride[last], t.dilation[last]
	s.OW, s.Left, _ = t.output(last, s.W, s.KW)
	return s
}

// sizes are the elements of the weights in the order of a convolution and of what the kernel needs; p describes weights that come with
// a run.
func (t *convTranspose) sizes(s *kernels.ConvShape, p *kernels.PackedConv) (weights, floats, ints int) {
	if t.dynamic {
		floats, ints = p.TransposeDynamicScratch(s)
		return multiplied(multiplied(p.M, p.C/p.Groups), p.KH*p.KW), floats, ints
	}
	floats, ints = t.packed.TransposeScratch(s)
	return 0, floats, ints
}

// geometry is that of a run with one or two spatial axes.
func (t *convTranspose) geometry(x, w []int) (kernels.ConvShape, kernels.PackedConv) {
	return t.shape(x, w[2:]), t.described(w[1]*t.groups, w[0], w[2:])
}

// ScratchBytes implements graph.ScratchKernel.
func (t *convTranspose) ScratchBytes(args []graph.Arg) int {
	s, p := t.geometry(args[0].Shape, args[1].Shape)
	weights, floats, ints := t.sizes(&s, &p)
	return 8*ints + 4*(weights+floats)
}

// Run implements graph.Kernel.
func (t *convTranspose) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, p := t.geometry(in[0].Shape, in[1].Shape)
	weights, _, ints := t.sizes(&s, &p)
	taps, free := words[int64](scratch[:8*ints]), floats(scratch[8*ints:])
	if t.dynamic {
		filtersFirst(free, tensor.Data[float32](in[1]), in[1].Shape, t.groups)
	}
	t.convolve(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), free[:weights], t.bias(in), in[0].Shape[0], &s, &p, free[weights:], taps)
	return nil
}

func (t *convTranspose) bias(in []*tensor.Tensor) []float32 {
	if t.hasBias {
		return tensor.Data[float32](in[2])
	}
	return nil
}

// convolve runs on a batch of images; weights counts where they are not packed.
func (t *convTranspose) convolve(dst, x, weights, bias []float32, batch int, s *kernels.ConvShape, p *kernels.PackedConv, free []float32, taps []int64) {
	if t.dynamic {
		kernels.ConvTransposeDynamicF32(t.pool, dst, x, weights, bias, p, batch, s, free, taps)
		return
	}
	kernels.ConvTransposeF32(t.pool, dst, x, bias, t.packed, batch, s, free, taps)
}
