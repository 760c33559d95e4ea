package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Operators of the packed-channel layout, made by passes.Layout: a value [batch, channels, H, W] or [batch, channels, W] is a tensor
// [batch, ceil(channels/16), H, W, 16], H being 1 in the second case. The lanes of channels that do not exist hold anything.
const packedRank = 5

// AttrChannels and AttrAxes are what the packed shape does not say: the number of channels, expected by PackChannels and restored by
// UnpackChannels, and of spatial axes.
const (
	AttrChannels = "channels"
	AttrAxes     = "axes"
)

func packedShape(batch, channels, h, w int) []int {
	return []int{batch, kernels.ConvBlocks(channels), h, w, kernels.ConvLanes}
}

// wantPacked checks that input i is a packed f32 tensor.
func wantPacked(n *graph.Node, in []graph.Arg, i int) error {
	if s := in[i].Shape; len(s) != packedRank || s[4] != kernels.ConvLanes {
		return modelErr(n, "input %d has shape %v, expected packed channels", i, s)
	}
	return wantDType(n, in, i, tensor.Float32)
}

var opPackChannels = &Op{
	Name: "pack_channels", Domain: graph.DomainFused, Type: "PackChannels", Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32); err != nil {
			return nil, err
		}
		s := in[0].Shape
		channels, err := n.IntAttr(AttrChannels, 0)
		if err != nil {
			return nil, err
		}
		if len(s) > 1 && channels != int64(s[1]) {
			return nil, modelErr(n, "input has shape %v, expected %d channels", s, channels)
		}
		switch len(s) {
		case 3:
			return []graph.Arg{{DType: tensor.Float32, Shape: packedShape(s[0], s[1], 1, s[2])}}, nil
		case 4:
			return []graph.Arg{{DType: tensor.Float32, Shape: packedShape(s[0], s[1], s[2], s[3])}}, nil
		}
		return nil, modelErr(n, "input has shape %v, expected 3 or 4 axes", s)
	},
	Build: func(_ *graph.Node, _ []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			s := out[0].Shape
			kernels.PackChannelsF32(pool, tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), s[0], in[0].Shape[1], s[2]*s[3])
			return nil
		}), nil
	},
}

var opUnpackChannels = &Op{
	Name: "unpack_channels", Domain: graph.DomainFused, Type: "UnpackChannels", Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantPacked(n, in, 0); err != nil {
			return nil, err
		}
		channels, err := n.IntAttr(AttrChannels, 0)
		if err != nil {
			return nil, err
		}
		axes, err := n.IntAttr(AttrAxes, 2)
		if err != nil {
			return nil, err
		}
		s := in[0].Shape
		if channels < 1 || channels > int64(s[1])*kernels.ConvLanes || kernels.ConvBlocks(int(channels)) != s[1] || axes != 2 && (axes != 1 || s[2] != 1) {
			return nil, modelErr(n, "%d channels and %d axes of packed shape %v", channels, axes, s)
		}
		shape := []int{s[0], int(channels)}
		return []graph.Arg{{DType: tensor.Float32, Shape: append(shape, s[4-axes:4]...)}}, nil
	},
	Build: func(_ *graph.Node, _ []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			s := in[0].Shape
			kernels.UnpackChannelsF32(pool, tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), s[0], out[0].Shape[1], s[2]*s[3])
			return nil
		}), nil
	},
}

// Pooling and normalisation of packed values, with the attributes and bits of the plain operators.
var (
	opPackedMaxPool       = packedPoolOp("packed_max_pool", opMaxPool.Type, false)
	opPackedAveragePool   = packedPoolOp("packed_average_pool", opAveragePool.Type, true)
	opPackedGlobalAverage = packedGlobalOp("packed_global_average_pool", opGlobalAverage.Type, kernels.ReduceSum, divideByCount)
	opPackedGlobalMax     = packedGlobalOp("packed_global_max_pool", opGlobalMax.Type, kernels.ReduceMax, nil)
)

// packedPool is the kernel of a pooling operator.
type packedPool struct {
	pool                *kernels.Pool
	window              *window
	average, includePad bool
}

// plainShape is the shape [batch, channels, …] that a window of this many axes sees of a packed one.
func (w *window) plainShape(packed []int) [4]int {
	return [4]int{packed[0], packed[1] * packed[4], packed[2], packed[3]}
}

// spatial cuts the shape to the axes of w: a window along one axis sees [batch, channels, W].
func (w *window) spatial(plain *[4]int) []int {
	if len(w.kernel) == 1 {
		plain[2] = plain[3]
		return plain[:3]
	}
	return plain[:]
}

// ScratchBytes implements graph.ScratchKernel.
func (k *packedPool) ScratchBytes(args []graph.Arg) int {
	plain := k.window.plainShape(args[0].Shape)
	s, _, _ := k.window.shape(k.window.spatial(&plain))
	return 8 * kernels.PoolScratch(args[0].Shape[0]*args[0].Shape[1], &s)
}

// Run implements graph.Kernel.
func (k *packedPool) Run(in, out []*tensor.Tensor, scratch []byte) error {
	packed := in[0].Shape
	plain := k.window.plainShape(packed)
	s, padH, padW := k.window.shape(k.window.spatial(&plain))
	dst, x, planes, ints := tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), packed[0]*packed[1], words[int64](scratch)
	if !k.average {
		kernels.MaxPoolPackedF32(k.pool, dst, x, planes, &s, ints)
		return nil
	}
	if !k.includePad {
		padH, padW = -1, -1
	}
	kernels.AveragePoolPackedF32(k.pool, dst, x, planes, &s, padH, padW, ints)
	return nil
}

func packedPoolOp(name, opType string, average bool) *Op {
	read := func(n *graph.Node, in []graph.Arg) (*packedPool, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantPacked(n, in, 0); err != nil {
			return nil, err
		}
		kernel, err := n.IntsAttr("kernel_shape")
		if err != nil {
			return nil, err
		}
		w, err := poolWindow(n, len(kernel))
		if err != nil {
			return nil, err
		}
		if len(w.kernel) > 2 || len(w.kernel) == 1 && in[0].Shape[2] != 1 {
			return nil, modelErr(n, "%d axes of packed shape %v", len(w.kernel), in[0].Shape)
		}
		include, err := n.IntAttr("count_include_pad", 0)
		return &packedPool{window: w, average: average, includePad: include != 0}, err
	}
	return &Op{
		Name: name, Domain: graph.DomainFused, Type: opType, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			k, err := read(n, in)
			if err != nil {
				return nil, err
			}
			shape, err := k.window.inferPacked(n, in[0].Shape, in[0].Shape[1]*kernels.ConvLanes)
			return []graph.Arg{{DType: tensor.Float32, Shape: shape}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			k, err := read(n, in)
			if err != nil {
				return nil, err
			}
			k.pool = pool
			return k, nil
		},
	}
}

// inferPacked is inferSpatial from and to packed shapes.
func (w *window) inferPacked(n *graph.Node, packed []int, channels int) ([]int, error) {
	plain := w.plainShape(packed)
	out, err := w.inferSpatial(n, w.spatial(&plain), channels)
	if err != nil {
		return nil, err
	}
	if len(out) == 3 {
		out = []int{out[0], out[1], 1, out[2]}
	}
	return packedShape(out[0], channels, out[2], out[3]), nil
}

func packedGlobalOp(name, opType string, r kernels.Reduction, f finish) *Op {
	return &Op{
		Name: name, Domain: graph.DomainFused, Type: opType, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			s := in[0].Shape
			if err := wantPacked(n, in, 0); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: tensor.Float32, Shape: []int{s[0], s[1], 1, 1, s[4]}}}, nil
		},
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				s, dst := in[0].Shape, tensor.Data[float32](out[0])
				kernels.GlobalPoolPackedF32(r, dst, tensor.Data[float32](in[0]), s[0]*s[1], s[2]*s[3])
				if f != nil {
					f(dst, float32(s[2]*s[3]))
				}
				return nil
			}), nil
		},
	}
}

// opPackedBatchNorm has constant statistics.
var opPackedBatchNorm = &Op{
	Name: "packed_batch_norm", Domain: graph.DomainFused, Type: opBatchNorm.Type, MinInputs: 5, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 5, 5); err != nil {
			return nil, err
		}
		if err := wantPacked(n, in, 0); err != nil {
			return nil, err
		}
		for i := 1; i < 5; i++ {
			if err := wantDType(n, in, i, tensor.Float32); err != nil {
				return nil, err
			}
			if s := in[i].Shape; len(s) != 1 || !slices.Equal(s, in[1].Shape) || kernels.ConvBlocks(s[0]) != in[0].Shape[1] {
				return nil, modelErr(n, "input %d has shape %v for packed shape %v", i, s, in[0].Shape)
			}
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		plain, err := buildBatchNorm(n, in, pool)
		if err != nil {
			return nil, err
		}
		k := plain.(*batchNormKernel)
		if k.scale == nil {
			return nil, unsupported(n, "statistics that are not constants")
		}
		packed := kernels.PackBatchNorm(k.scale, k.shift)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			s := in[0].Shape
			kernels.BatchNormPackedF32(tensor.Data[float32](out[0]), tensor.Data[float32](in[0]), packed, s[0], s[2]*s[3])
			return nil
		}), nil
	},
}
