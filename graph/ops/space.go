package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// DepthToSpace takes blocks of channels to blocks of pixels of [batch × channels × height × width], SpaceToDepth the other way.
var (
	opDepthToSpace = spaceOp("depth_to_space", "DepthToSpace", func(n *graph.Node, s []int, b int) ([]int, error) {
		if s[1]%(b*b) != 0 {
			return nil, modelErr(n, "%d channels for blocks of %d", s[1], b)
		}
		return []int{s[0], s[1] / (b * b), s[2] * b, s[3] * b}, nil
	}, func(s []int, b int, columnsFirst bool) (v kernels.View) {
		c, h, w := s[1]/(b*b), s[2], s[3]
		plane := h * w
		blockStep, channelStep := c*plane, plane // of a step in the block, of a channel
		if columnsFirst {
			blockStep, channelStep = plane, b*b*plane
		}
		v.Axis(s[0], s[1]*plane)
		v.Axis(c, channelStep)
		v.Axis(h, w)
		v.Axis(b, b*blockStep)
		v.Axis(w, 1)
		v.Axis(b, blockStep)
		return v
	})
	opSpaceToDepth = spaceOp("space_to_depth", "SpaceToDepth", func(n *graph.Node, s []int, b int) ([]int, error) {
		if s[2]%b != 0 || s[3]%b != 0 {
			return nil, modelErr(n, "shape %v for blocks of %d", s, b)
		}
		return []int{s[0], s[1] * b * b, s[2] / b, s[3] / b}, nil
	}, func(s []int, b int, columnsFirst bool) (v kernels.View) {
		c, h, w := s[1], s[2], s[3]
		v.Axis(s[0], c*h*w)
		if columnsFirst {
			v.Axis(c, h*w)
		}
		v.Axis(b, w)
		v.Axis(b, 1)
		if !columnsFirst {
			v.Axis(c, h*w)
		}
		v.Axis(h/b, b*w)
		v.Axis(w/b, b)
		return v
	})
)

// maxBlock keeps the products of shapes small.
const maxBlock = 1 << 15

func spaceOp(name, opType string, infer func(n *graph.Node, s []int, b int) ([]int, error), axes func(s []int, b int, columnsFirst bool) kernels.View) *Op {
	read := func(n *graph.Node) (b int, columnsFirst bool, err error) {
		size, err := n.IntAttr("blocksize", 0)
		if err != nil {
			return 0, false, err
		}
		if size < 1 || size > maxBlock {
			return 0, false, modelErr(n, "blocks of %d, expected 1 to %d", size, maxBlock)
		}
		mode, err := n.StringAttr("mode", "DCR")
		if err == nil && mode != "DCR" && mode != "CRD" {
			err = modelErr(n, "attribute \"mode\" is %q, expected \"DCR\" or \"CRD\"", mode)
		}
		return int(size), mode == "CRD", err
	}
	return &Op{
		Name: name, Type: opType, Since: 1, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			b, _, err := read(n)
			if err != nil {
				return nil, err
			}
			if len(in[0].Shape) != 4 {
				return nil, modelErr(n, "input 0 has shape %v, expected 4 axes", in[0].Shape)
			}
			shape, err := infer(n, in[0].Shape, b)
			if err != nil {
				return nil, err
			}
			return movable(n, in[0].DType, shape)
		},
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			b, columnsFirst, err := read(n)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				if len(out[0].Bytes) == 0 {
					return nil
				}
				v := axes(in[0].Shape, b, columnsFirst)
				v.Size = in[0].DType.Size()
				kernels.CopyView(out[0].Bytes, in[0].Bytes, &v)
				return nil
			}), err
		},
	}
}
