package ops

import (
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Operators that move packed values.

// opPackedResize is the nearest form of Resize with scales for all axes, which leave batch and channels alone.
var opPackedResize = &Op{
	Name: "packed_resize", Domain: graph.DomainFused, Type: opResize.Type, MinInputs: 3, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 4); err != nil {
			return nil, err
		}
		if err := wantPacked(n, in, 0); err != nil {
			return nil, err
		}
		r, err := readPackedResize(n, in)
		if err != nil {
			return nil, err
		}
		var axes [4]resizeAxis
		if err := r.axes(n, axes[:], in[0].Shape[:4]); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: tensor.Float32, Shape: []int{axes[0].out, axes[1].out, axes[2].out, axes[3].out, kernels.ConvLanes}}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		r, err := readPackedResize(n, in)
		return packedResize{n, r}, err
	},
}

func readPackedResize(n *graph.Node, in []graph.Arg) (*resizeConfig, error) {
	plain := append([]graph.Arg{{DType: in[0].DType, Shape: in[0].Shape[:4]}}, in[1:]...)
	r, err := resizeOf(n, plain)
	if err != nil {
		return nil, err
	}
	if r.nearest == "" || r.hasROI || len(r.scales) != 4 || r.scales[0] != 1 || r.scales[1] != 1 {
		return nil, modelErr(n, "packed values are resized by scales of their images, to the nearest pixel")
	}
	return r, nil
}

type packedResize struct {
	node *graph.Node
	*resizeConfig
}

// ScratchBytes implements graph.ScratchKernel: the source of each column.
func (k packedResize) ScratchBytes(args []graph.Arg) int {
	var axes [4]resizeAxis
	if err := k.axes(k.node, axes[:], args[0].Shape[:4]); err != nil {
		return 0 // the plan has inferred this shape before
	}
	return 8 * axes[3].out
}

// Run implements graph.Kernel.
func (k packedResize) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var axes [4]resizeAxis
	if err := k.axes(k.node, axes[:], in[0].Shape[:4]); err != nil {
		return err
	}
	x, dst, columns := pixelsOf(in[0]), pixelsOf(out[0]), words[int64](scratch)[:axes[3].out]
	for i := range columns {
		columns[i] = int64(axes[3].nearest(k.resizeConfig, i))
	}
	wide, narrow := axes[3].out, axes[3].in
	for before := -1; len(dst) > 0; {
		for oy := range axes[2].out {
			row, y := dst[oy*wide:][:wide], axes[2].nearest(k.resizeConfig, oy)
			if y == before && oy > 0 {
				copy(row, dst[(oy-1)*wide:])
				continue
			}
			before = y
			from := x[y*narrow:][:narrow]
			for i, c := range columns {
				row[i] = from[c]
			}
		}
		x, dst = x[axes[2].in*narrow:], dst[axes[2].out*wide:]
	}
	return nil
}

// pixel is what a packed value has of a pixel: the channels of a block.
type pixel [kernels.ConvLanes]float32

func pixelsOf(t *tensor.Tensor) []pixel {
	x := tensor.Data[float32](t)
	return unsafe.Slice((*pixel)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/kernels.ConvLanes)
}

// opPackedConcat joins channels; AttrChannels lists how many each input has.
var opPackedConcat = &Op{
	Name: "packed_concat", Domain: graph.DomainFused, Type: opConcat.Type, RowAxes: rowsOffAxis(1),
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, len(in), len(in)); err != nil {
			return nil, err
		}
		counts, err := n.IntsAttr(AttrChannels)
		if err != nil {
			return nil, err
		}
		if len(counts) != len(in) {
			return nil, modelErr(n, "channels %v of %d inputs", counts, len(in))
		}
		total := 0
		for i := range in {
			if err := wantPacked(n, in, i); err != nil {
				return nil, err
			}
			s, first, c := in[i].Shape, in[0].Shape, counts[i]
			if c < 1 || c > int64(s[1])*kernels.ConvLanes || kernels.ConvBlocks(int(c)) != s[1] || s[0] != first[0] || s[2] != first[2] || s[3] != first[3] {
				return nil, modelErr(n, "input %d has shape %v, expected %d channels of images like %v", i, s, c, first)
			}
			total += int(c)
		}
		s := in[0].Shape
		return []graph.Arg{{DType: tensor.Float32, Shape: packedShape(s[0], total, s[2], s[3])}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		counts, err := n.IntsAttr(AttrChannels)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			s := out[0].Shape
			dst, size := pixelsOf(out[0]), s[2]*s[3]
			for len(dst) > 0 {
				at := 0
				for i, t := range in {
					blocks := t.Shape[1]
					image := len(dst) / (s[1] * size) // images to come, this one included
					x := pixelsOf(t)
					joinChannels(dst[:s[1]*size], x[len(x)-image*blocks*size:][:blocks*size], at, int(counts[i]), size)
					at += int(counts[i])
				}
				dst = dst[s[1]*size:]
			}
			return nil
		}), err
	},
}

// joinChannels writes channels of x, of an image of size pixels, from channel at of dst on, which is filled in ascending order.
func joinChannels(dst, x []pixel, at, channels, size int) {
	for c := 0; c < channels; {
		lane, to := c%kernels.ConvLanes, (at+c)%kernels.ConvLanes
		n := min(channels-c, kernels.ConvLanes-lane, kernels.ConvLanes-to)
		from, row := x[c/kernels.ConvLanes*size:][:size], dst[(at+c)/kernels.ConvLanes*size:][:size]
		switch {
		case lane == 0 && to == 0:
			copy(row, from) // what lies behind the channels is overwritten, or is nobody's
		case n == kernels.ConvLanes/2:
			for i := range from {
				*(*[kernels.ConvLanes / 2]float32)(row[i][to:]) = *(*[kernels.ConvLanes / 2]float32)(from[i][lane:])
			}
		default:
			for i := range from {
				copy(row[i][to:to+n], from[i][lane:lane+n])
			}
		}
		c += n
	}
}
