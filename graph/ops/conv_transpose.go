package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opConvTranspose is the transposed convolution of [batch × channels × …] with one or two spatial axes and constant weights
// [channels × filters/groups × …].
var opConvTranspose = &Op{
	Name: "conv_transpose", Type: "ConvTranspose", Since: 1, MinInputs: 2, Rows: rowsFirst, Packs: packsInput(1),
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		t, err := readConvTranspose(n, in)
		if err != nil {
			return nil, err
		}
		shape := []int{in[0].Shape[0], t.filters}
		for i, d := range in[0].Shape[2:] {
			size, _, ok := t.output(i, d)
			if !ok {
				return nil, modelErr(n, "input %v with kernel %v, strides %v and pads %v and %v has no output", in[0].Shape, t.kernel, t.stride, t.before, t.after)
			}
			shape = append(shape, size)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		t, err := readConvTranspose(n, in)
		if err != nil {
			return nil, err
		}
		t.pool = pool
		weights := in[1].Shape
		channels, perGroup, taps := weights[0], weights[1], 1
		for _, k := range t.kernel {
			taps *= k
		}
		// PackConv wants the filters first.
		from, w := tensor.Data[float32](in[1].Const), make([]float32, channels*perGroup*taps)
		cg := channels / t.groups
		for i := range from {
			c, o, tap := i/(perGroup*taps), i/taps%perGroup, i%taps
			w[((c/cg*perGroup+o)*cg+c%cg)*taps+tap] = from[i]
		}
		kh, kw := 1, t.kernel[len(t.kernel)-1]
		if len(t.kernel) == 2 {
			kh = t.kernel[0]
		}
		t.packed = kernels.PackConv(w, t.filters, channels, t.groups, kh, kw)
		return t, nil
	},
}

type convTranspose struct {
	*window
	pool            *kernels.Pool
	packed          *kernels.PackedConv
	groups, filters int
	extra, sizes    []int // attributes output_padding and output_shape; nil: not given
	hasBias         bool
}

func readConvTranspose(n *graph.Node, in []graph.Arg) (*convTranspose, error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, err
	}
	for i := range in {
		if present(in, i) {
			if err := wantDType(n, in, i, tensor.Float32); err != nil {
				return nil, err
			}
		}
	}
	x, weights := in[0].Shape, in[1].Shape
	if len(x) < 3 || len(weights) != len(x) {
		return nil, modelErr(n, "input %v and weights %v", x, weights)
	}
	if !hasConst(in, 1) {
		return nil, unsupported(n, "weights that are not a constant")
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
	}{{"output_padding", 0, &t.extra}, {"output_shape", 1, &t.sizes}} {
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

// output returns the size of output axis i for d inputs and the padding before it.
func (t *convTranspose) output(i, d int) (size, before int, ok bool) {
	if d < 1 || d > math.MaxInt32 {
		return 0, 0, false
	}
	full := (d-1)*t.stride[i] + (t.kernel[i]-1)*t.dilation[i] + 1
	if t.extra != nil {
		full += t.extra[i]
	}
	switch {
	case t.sizes != nil:
		size = t.sizes[i]
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

// shape is the geometry for an input of this shape.
func (t *convTranspose) shape(in []int) kernels.ConvShape {
	s := kernels.ConvShape{H: 1, OH: 1, KH: 1, StrideH: 1, DilationH: 1}
	last := len(in) - 3
	if last == 1 {
		s.H, s.KH, s.StrideH, s.DilationH = in[2], t.kernel[0], t.stride[0], t.dilation[0]
		s.OH, s.Top, _ = t.output(0, s.H)
	}
	s.W, s.KW, s.StrideW, s.DilationW = in[2+last], t.kernel[last], t.stride[last], t.dilation[last]
	s.OW, s.Left, _ = t.output(last, s.W)
	return s
}

// ScratchBytes implements graph.ScratchKernel.
func (t *convTranspose) ScratchBytes(args []graph.Arg) int {
	s := t.shape(args[0].Shape)
	floats, ints := t.packed.TransposeScratch(&s)
	return 8*ints + 4*floats
}

// Run implements graph.Kernel.
func (t *convTranspose) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s := t.shape(in[0].Shape)
	_, ints := t.packed.TransposeScratch(&s)
	var bias []float32
	if t.hasBias {
		bias = tensor.Data[float32](in[2])
	}
	kernels.ConvTransposeF32(t.pool, tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), bias, t.packed, in[0].Shape[0], &s,
		floats(scratch[8*ints:]), scratchInts(scratch[:8*ints]))
	return nil
}
