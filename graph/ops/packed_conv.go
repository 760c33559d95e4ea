package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// AttrCrop of a packed convolution along one axis is the number of outputs that are left out at its start.
const AttrCrop = "crop"

// opPackedConv is a convolution whose output is packed: inputs x, weights, bias, residual. x is packed or, as networks begin, plain. The
// residual is packed and of the output's shape, or broadcasts with it.
var opPackedConv = &Op{
	Name: "packed_conv", Domain: graph.DomainFused, Type: opConv.Type, MinInputs: 2, Rows: rowsPackedConv, Packs: packsInput(1), Depth: filterSize,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		c, err := readPackedConv(n, in)
		if err != nil {
			return nil, err
		}
		shape := c.shape
		if present(in, 3) {
			shape, err = broadcastShape(n, shape, in[3].Shape)
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		c, err := readPackedConv(n, in)
		if err != nil {
			return nil, err
		}
		c.pool = pool
		weights := in[1].Shape
		if !kernels.ConvPackable(weights[0], weights[1]*c.groups, c.groups) {
			return nil, unsupported(n, "%d groups of weights %v in packed channels", c.groups, weights)
		}
		kh, kw := 1, weights[len(weights)-1]
		if len(weights) == 4 {
			kh = weights[2]
		}
		c.packed = packConv(c.window, in[1].Place, tensor.Data[float32](in[1].Const), weights[0], weights[1]*c.groups, c.groups, kh, kw)
		return c, nil
	},
}

// rowsPackedConv holds where the image carries rows, the weights do not and the residual does, or is one for all.
func rowsPackedConv(n *graph.Node, in []graph.Arg, rows []bool) bool {
	if len(in) > 3 && present(in, 3) && !rows[3] && in[3].Shape[0] != 1 {
		return false
	}
	return rowsFirst(n, in[:min(len(in), 3)], rows[:min(len(rows), 3)])
}

type packedConv struct {
	pool     *kernels.Pool
	window   *window
	groups   int
	packed   *kernels.PackedConv
	epilogue kernels.Epilogue
	planes   bool // the input is plain
	hasBias  bool
	residual bool
	crop     int   // outputs left out on the left
	shape    []int // of the output for the arguments read
}

// readPackedConv checks inputs and attributes. The constant packed weights are left to Build.
func readPackedConv(n *graph.Node, in []graph.Arg) (*packedConv, error) {
	if err := arity(n, in, 2, 4); err != nil {
		return nil, err
	}
	weights, x := in[1].Shape, in[0].Shape
	if len(weights) != 3 && len(weights) != 4 {
		return nil, modelErr(n, "weights %v", weights)
	}
	c := &packedConv{planes: len(x) == len(weights), hasBias: present(in, 2), residual: present(in, 3)}
	groups, err := n.IntAttr("group", 1)
	if err != nil {
		return nil, err
	}
	plain := slices.Clone(in[:min(len(in), 3)])
	if !c.planes {
		if err := wantPacked(n, in, 0); err != nil {
			return nil, err
		}
		if groups < 1 || groups > int64(weights[0]) || kernels.ConvBlocks(weights[1]*int(groups)) != x[1] || len(weights) == 3 && x[2] != 1 {
			return nil, modelErr(n, "%d groups of packed input %v and weights %v", groups, x, weights)
		}
		plain[0].Shape = append([]int{x[0], weights[1] * int(groups)}, x[6-len(weights):4]...)
	}
	if c.window, c.groups, err = convWindow(n, plain); err != nil {
		return nil, err
	}
	out, err := c.window.inferSpatial(n, plain[0].Shape, weights[0])
	if err != nil {
		return nil, err
	}
	if len(out) == 3 {
		out = []int{out[0], out[1], 1, out[2]}
	}
	crop, err := n.IntAttr(AttrCrop, 0)
	if err != nil || crop < 0 || crop > math.MaxInt32 || crop > 0 && len(weights) != 3 {
		return nil, modelErr(n, "attribute %q is %d for weights %v", AttrCrop, crop, weights)
	}
	c.crop = int(crop)
	c.shape = packedShape(out[0], weights[0], out[2], max(0, out[3]-c.crop))
	if c.residual {
		if err := wantPacked(n, in, 3); err != nil {
			return nil, err
		}
	}
	if c.epilogue, err = readActivation(n); err != nil {
		return nil, err
	}
	c.epilogue.Affine, c.epilogue.Scale, c.epilogue.Shift, err = readAffine(n)
	return c, err
}

// convShape is the geometry for an input of this shape, plain or packed.
func (c *packedConv) convShape(in []int) (s kernels.ConvShape) {
	if c.planes {
		s, _, _ = c.window.shape(in)
	} else {
		plain := c.window.plainShape(in)
		s, _, _ = c.window.shape(c.window.spatial(&plain))
	}
	s.OW, s.Left = max(0, s.OW-c.crop), s.Left-c.crop*s.StrideW
	return s
}

// scratch is the number of float32 and of int64 that the kernel needs.
func (c *packedConv) scratch(s *kernels.ConvShape) (floats, ints int) {
	if c.planes {
		return c.packed.PlaneScratch(c.pool, s)
	}
	return c.packed.PooledScratch(c.pool, s)
}

// ScratchBytes implements graph.ScratchKernel: what the kernel needs, and the product where the residual stretches it.
func (c *packedConv) ScratchBytes(args []graph.Arg) int {
	s := c.convShape(args[0].Shape)
	floats, ints := c.scratch(&s)
	n := 8*ints + 4*floats
	if c.residual {
		if own := c.ownShape(args[0].Shape, &s); !slices.Equal(own[:], args[3].Shape) {
			size, _ := tensor.Elements(own[:])
			n += 4 * size
		}
	}
	return n
}

// ownShape is the shape of the product before the residual.
func (c *packedConv) ownShape(in []int, s *kernels.ConvShape) [packedRank]int {
	return [packedRank]int{in[0], kernels.ConvBlocks(c.packed.M), s.OH, s.OW, kernels.ConvLanes}
}

// Run implements graph.Kernel.
func (c *packedConv) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s := c.convShape(in[0].Shape)
	_, taps := c.scratch(&s)
	ints, rest := words[int64](scratch[:8*taps]), floats(scratch[8*taps:])
	dst, e := tensor.Data[float32](out[0]), c.epilogue
	own := c.ownShape(in[0].Shape, &s)
	stretched := c.residual && !slices.Equal(own[:], in[3].Shape)
	if c.residual && !stretched {
		e.Residual = tensor.Data[float32](in[3])
	}
	if stretched {
		size := own[0] * own[1] * own[2] * own[3] * own[4]
		dst, rest = rest[:size], rest[size:]
		e.Act, e.Affine = kernels.ActNone, false
	}
	var bias []float32
	if c.hasBias {
		bias = tensor.Data[float32](in[2])
	}
	x := tensor.Data[float32](in[0])
	if c.planes {
		kernels.ConvFromPlanesF32(c.pool, dst, x, bias, &e, c.packed, in[0].Shape[0], &s, rest, ints)
	} else {
		kernels.ConvPackedF32(c.pool, dst, x, bias, &e, c.packed, in[0].Shape[0], &s, rest, ints)
	}
	if stretched {
		sum := tensor.Data[float32](out[0])
		broadcast(sum, dst, tensor.Data[float32](in[3]), out[0].Shape, own[:], in[3].Shape, kernels.AddF32)
		c.epilogue.Activate(sum)
	}
	return nil
}

// packConv packs weights for the algorithm that their shape and the attributes choose.
func packConv(w *window, at kernels.Place, weights []float32, m, c, groups, kh, kw int) *kernels.PackedConv {
	if len(w.kernel) == 2 && kernels.ConvWinograd(m, c, groups, kh, kw, w.stride[0], w.stride[1], w.dilation[0], w.dilation[1]) {
		return kernels.PackWinogradAt(at, weights, m, c)
	}
	return kernels.PackConvAt(at, weights, m, c, groups, kh, kw)
}
