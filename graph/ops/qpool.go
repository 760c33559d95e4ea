package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Pooling of quantised values. Inputs of the averages: x, its scale and zero point, scale and zero point of the result; see
// kernels.QAverage for the rounding. "channels_last" says that x is [batch, …, channels]. opQMaxPool, made by graph/passes, takes u8 with
// channels last, and so do opQAveragePool and opQGlobalAverage.
var (
	opQLinearAveragePool   = qaverageOp("qlinear_average_pool", graph.DomainMicrosoft, "QLinearAveragePool", false)
	opQLinearGlobalAverage = qaverageOp("qlinear_global_average_pool", graph.DomainMicrosoft, "QLinearGlobalAveragePool", true)
	opQMaxPool             = &Op{Name: "qmax_pool", Domain: graph.DomainFused, Type: "QMaxPool", Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			p, err := readQPool(n, in, true, false)
			if err != nil {
				return nil, err
			}
			return p.infer(n, in)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			p, err := readQPool(n, in, true, false)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				s, _, _ := p.geometry(in[0].Shape)
				kernels.MaxPoolU8(out[0].Bytes, in[0].Bytes, in[0].Shape[0], in[0].Shape[len(in[0].Shape)-1], &s)
				return nil
			}), err
		},
	}
)

// maxQTaps is the values of a window whose sum fits in s32: 255 · 2²³ < 2³¹.
const maxQTaps = 1 << 23

// qpool is the geometry of a pooling.
type qpool struct {
	window *window // nil: the whole image
	last   bool
}

func readQPool(n *graph.Node, in []graph.Arg, last, global bool) (*qpool, error) {
	if err := wantDType(n, in, 0, tensor.Uint8, tensor.Int8); err != nil {
		return nil, err
	}
	rank := len(in[0].Shape)
	if rank != 3 && rank != 4 {
		return nil, unsupported(n, "x has shape %v, expected rank 3 or 4", in[0].Shape)
	}
	if global {
		return &qpool{last: last}, nil
	}
	w, err := poolWindow(n, rank-2)
	return &qpool{window: w, last: last}, err
}

func (p *qpool) infer(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	x := in[0].Shape
	if p.last {
		x = channelsFirst(x)
	}
	shape, err := append([]int{x[0], x[1]}, make([]int, len(x)-2)...), error(nil)
	if p.window != nil {
		shape, err = p.window.inferSpatial(n, x, x[1])
	} else {
		for i := range shape[2:] {
			shape[2+i] = 1
			if x[2+i] == 0 {
				err = modelErr(n, "no pixels in %v", in[0].Shape)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if s, _, _ := p.geometry(in[0].Shape); float64(s.KH)*float64(s.KW) > maxQTaps {
		return nil, unsupported(n, "a window of %d × %d, expected at most %d values", s.KH, s.KW, maxQTaps)
	}
	if p.last {
		shape = channelsLast(shape)
	}
	return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
}

// geometry is the shape of the windows over x, and the padded size.
func (p *qpool) geometry(x []int) (s kernels.ConvShape, padH, padW int) {
	var dims [4]int
	d := channelsAhead(&dims, x, p.last)
	if p.window != nil {
		return p.window.shape(d)
	}
	h, w := 1, d[len(d)-1]
	if len(d) == 4 {
		h = d[2]
	}
	return kernels.ConvShape{H: h, W: w, OH: 1, OW: 1, KH: h, KW: w, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}, h, w
}

func qaverageOp(name, domain, opType string, global bool) *Op {
	read := func(n *graph.Node, in []graph.Arg) (*qpool, error) {
		last, err := n.IntAttr("channels_last", 0)
		if err != nil {
			return nil, err
		}
		return readQPool(n, in, last != 0, global)
	}
	return &Op{Name: name, Domain: domain, Type: opType, Since: 1, MinInputs: 4, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 5); err != nil {
				return nil, err
			}
			p, err := read(n, in)
			if err != nil {
				return nil, err
			}
			return p.infer(n, in)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			p, err := read(n, in)
			if err != nil {
				return nil, err
			}
			x, err := readQuantScalar(n, in, 1, 2, in[0].DType)
			if err != nil {
				return nil, err
			}
			y, err := readQuantScalar(n, in, 3, 4, in[0].DType)
			if err != nil {
				return nil, err
			}
			include, err := n.IntAttr("count_include_pad", 0)
			return &qaverageKernel{*p, include != 0, x.flip, kernels.QAverage{Zero: x.zero, ZeroPoint: y.zero, Ratio: float64(x.scale) / float64(y.scale)}}, err
		},
	}
}

type qaverageKernel struct {
	qpool
	include bool
	flip    uint8
	average kernels.QAverage
}

// ScratchBytes implements graph.ScratchKernel: a sum per channel, and s8 values shifted.
func (k *qaverageKernel) ScratchBytes(args []graph.Arg) int {
	if !k.last {
		return 0
	}
	x := args[0].Shape
	n := roundUp64(4 * x[len(x)-1])
	if k.flip != 0 {
		size, _ := tensor.Elements(x)
		n += size
	}
	return n
}

// Run implements graph.Kernel.
func (k *qaverageKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, padH, padW := k.geometry(in[0].Shape)
	if !k.include {
		padH, padW = -1, -1
	}
	shape, x := in[0].Shape, in[0].Bytes
	if !k.last {
		kernels.AveragePoolPlanesU8(out[0].Bytes, x, shape[0]*shape[1], &s, padH, padW, &k.average, k.flip)
		return nil
	}
	channels := shape[len(shape)-1]
	sums := tensor.Tensor{DType: tensor.Int32, Bytes: scratch[:4*channels]}
	x = flipped(scratch[roundUp64(4*channels):], x, k.flip)
	kernels.AveragePoolU8(out[0].Bytes, x, shape[0], channels, &s, padH, padW, &k.average, tensor.Data[int32](&sums))
	flipped(out[0].Bytes, out[0].Bytes, k.flip)
	return nil
}
