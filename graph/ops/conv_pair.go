package ops

import (
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// TypeConvPair is a packed pointwise convolution and the depthwise one that it feeds: inputs x, the weights and bias of the first, those of the
// second. Attributes are those of the second, and, after AttrFormer, of the first.
const (
	TypeConvPair = "ConvPair"
	AttrFormer   = "first."
)

var opConvPair = &Op{
	Name: "conv_pair", Domain: graph.DomainFused, Type: TypeConvPair, MinInputs: 5, Rows: rowsFirst,
	Packs: func(i, rank int) bool { return packsInput(1)(i, rank) || packsInput(3)(i, rank) },
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		_, second, args, err := splitPair(n, in)
		if err != nil {
			return nil, err
		}
		return opPackedConv.Infer(second, args)
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		first, second, args, err := splitPair(n, in)
		if err != nil {
			return nil, err
		}
		p, err := opPackedConv.Build(first, in[:3], pool)
		if err != nil {
			return nil, err
		}
		q, err := opPackedConv.Build(second, args, pool)
		if err != nil {
			return nil, err
		}
		return &convPair{p.(*packedConv), q.(*packedConv)}, nil
	},
}

// splitPair returns the two convolutions, and the arguments of the second.
func splitPair(n *graph.Node, in []graph.Arg) (first, second *graph.Node, args []graph.Arg, err error) {
	if err := arity(n, in, 5, 5); err != nil {
		return nil, nil, nil, err
	}
	one, two := *n, *n
	one.Attrs, two.Attrs = map[string]graph.Attr{}, map[string]graph.Attr{}
	for name, a := range n.Attrs {
		if of, ok := strings.CutPrefix(name, AttrFormer); ok {
			one.Attrs[of] = a
		} else {
			two.Attrs[name] = a
		}
	}
	between, err := opPackedConv.Infer(&one, in[:3])
	if err != nil {
		return nil, nil, nil, err
	}
	w, x, out := in[1].Shape, in[0].Shape, between[0].Shape
	if len(w) != 4 || len(x) != packedRank || w[2] != 1 || w[3] != 1 || out[2] != x[2] || out[3] != x[3] || w[1] > x[1]*kernels.ConvLanes || w[1] <= (x[1]-1)*kernels.ConvLanes {
		return nil, nil, nil, modelErr(n, "weights %v from %v to %v, expected a pointwise convolution", w, x, out)
	}
	if w := in[3].Shape; len(w) != 4 || w[1] != 1 {
		return nil, nil, nil, modelErr(n, "weights %v, expected those of a depthwise convolution", w)
	}
	return &one, &two, []graph.Arg{between[0], in[3], in[4]}, nil
}

type convPair struct{ first, second *packedConv }

// shape is the geometry of the second.
func (c *convPair) shape(x []int) kernels.ConvShape {
	return c.second.convShape([]int{x[0], kernels.ConvBlocks(c.first.packed.M), x[2], x[3], x[4]})
}

// ScratchBytes implements graph.ScratchKernel.
func (c *convPair) ScratchBytes(args []graph.Arg) int {
	s := c.shape(args[0].Shape)
	floats, ints := c.first.packed.PooledPairScratch(c.first.pool, c.second.packed, &s)
	return 4*floats + 8*ints
}

// Run implements graph.Kernel.
func (c *convPair) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s := c.shape(in[0].Shape)
	_, ints := c.first.packed.PooledPairScratch(c.first.pool, c.second.packed, &s)
	var biases [2][]float32
	for i, has := range [2]bool{c.first.hasBias, c.second.hasBias} {
		if has {
			biases[i] = tensor.Data[float32](in[2+2*i])
		}
	}
	kernels.ConvPairF32(c.first.pool, tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), biases[0], biases[1], &c.first.epilogue, &c.second.epilogue,
		c.first.packed, c.second.packed, in[0].Shape[0], &s, floats(scratch[8*ints:]), words[int64](scratch[:8*ints]))
	return nil
}
