package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opCol2Im adds columns [batch × channels·block × blocks] into images of the shape in input 1, where blocks of the shape in input 2 lie
// strides apart: the inverse of the layout that turns a convolution into a product.
var opCol2Im = viaFloat32(&Op{
	Name: "col2im", Type: "Col2Im", Since: 18, MinInputs: 3, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		_, shape, err := col2imOf(n, in)
		if err == nil && col2imRuns[in[0].DType] == nil {
			err = unsupported(n, "input 0 is %s, expected a number", in[0].DType)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		w, _, err := col2imOf(n, in)
		if err != nil {
			return nil, err
		}
		run := col2imRuns[in[0].DType]
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			run(w, in[0], out[0])
			return nil
		}), nil
	},
})

// col2imOf reads the window and gives the output's shape.
func col2imOf(n *graph.Node, in []graph.Arg) (w *window, shape []int, err error) {
	if err := arity(n, in, 3, 3); err != nil {
		return nil, nil, err
	}
	var lists [2][]int
	for i := range lists {
		if in[1+i].DType != tensor.Int64 {
			return nil, nil, modelErr(n, "input %d is %s, expected int64", 1+i, in[1+i].DType)
		}
		if !hasConst(in, 1+i) {
			return nil, nil, needsValue(n, 1+i)
		}
		for _, v := range tensor.Data[int64](in[1+i].Const) {
			if v < 1 || v > math.MaxInt32 {
				return nil, nil, modelErr(n, "input %d has a dimension of %d", 1+i, v)
			}
			lists[i] = append(lists[i], int(v))
		}
	}
	image, block, x := lists[0], lists[1], in[0].Shape
	if len(image) < 1 || len(image) != len(block) || len(image) > kernels.MaxAxes-2 || len(x) != 3 {
		return nil, nil, modelErr(n, "columns %v of blocks %v for images %v", x, block, image)
	}
	if w, err = windowNd(n, len(image), block); err != nil {
		return nil, nil, err
	}
	size, ok := tensor.Elements(block)
	if !ok || x[1]%size != 0 {
		return nil, nil, modelErr(n, "%d rows for blocks of %v", x[1], block)
	}
	blocks := make([]int, len(image))
	for i, d := range image {
		blocks[i], _, _ = w.output(i, d)
	}
	if count, ok := tensor.Elements(blocks); !ok || count != x[2] {
		return nil, nil, modelErr(n, "%d columns, expected one for each of %v blocks", x[2], blocks)
	}
	shape = append([]int{x[0], x[1] / size}, image...)
	if _, ok := tensor.Elements(shape); !ok {
		return nil, nil, modelErr(n, "a result of shape %v", shape)
	}
	return w, shape, nil
}

var col2imRuns = map[tensor.DType]func(w *window, x, dst *tensor.Tensor){
	tensor.Float32: col2im[float32], tensor.Float64: col2im[float64],
	tensor.Int8: col2im[int8], tensor.Int16: col2im[int16], tensor.Int32: col2im[int32], tensor.Int64: col2im[int64],
	tensor.Uint8: col2im[uint8], tensor.Uint16: col2im[uint16], tensor.Uint32: col2im[uint32], tensor.Uint64: col2im[uint64],
}

// col2im adds the elements of a block in the order of memory.
func col2im[T number](w *window, xs, ys *tensor.Tensor) {
	x, dst, image := tensor.Data[T](xs), tensor.Data[T](ys), ys.Shape[2:]
	clear(dst)
	if len(x) == 0 {
		return
	}
	columns, plane := xs.Shape[2], strideOf(ys.Shape, 1)
	size := len(x) / columns / (len(dst) / plane) // of a block
	var blocks, offset, at [kernels.MaxAxes]int
	last := len(image) - 1
	for i, d := range image {
		var before int
		blocks[i], before, _ = w.output(i, d)
		offset[i] = -before
	}
	for r := range len(x) / columns {
		src, to := x[r*columns:(r+1)*columns], dst[r/size*plane:][:plane]
		for i, rest := last, r%size; i >= 0; i-- {
			at[i] = offset[i] + rest%w.kernel[i]*w.dilation[i]
			rest /= w.kernel[i]
		}
		for b := 0; b < columns; b += blocks[last] {
			row, step, inside := 0, 1, true
			for i, rest := last-1, b/blocks[last]; i >= 0; i-- {
				p := at[i] + rest%blocks[i]*w.stride[i]
				inside = inside && p >= 0 && p < image[i]
				row += p * step
				step *= image[i]
				rest /= blocks[i]
			}
			if !inside {
				continue
			}
			line := to[row*image[last]:][:image[last]]
			for j, v := range src[b : b+blocks[last]] {
				if p := at[last] + j*w.stride[last]; p >= 0 && p < len(line) {
					line[p] += v
				}
			}
		}
	}
}

// opMaxUnpool puts pooled values back to the positions that MaxPool gave, into zeros. An output_shape makes the result larger at the end
// of its axes; positions are those of the size without it.
var opMaxUnpool = &Op{
	Name: "max_unpool", Type: "MaxUnpool", Since: 9, MinInputs: 2,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		_, shape, err := unpoolOf(n, in)
		if err != nil {
			return nil, err
		}
		return movable(n, in[0].DType, shape)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		w, _, err := unpoolOf(n, in)
		if err != nil {
			return nil, err
		}
		name := n.String()
		return bySize(in[0].DType, unpool[uint8]{name, w}, unpool[uint16]{name, w}, unpool[uint32]{name, w}, unpool[uint64]{name, w}), nil
	},
}

// unpoolOf reads the window and gives the output's shape.
func unpoolOf(n *graph.Node, in []graph.Arg) (w *window, shape []int, err error) {
	if err := arity(n, in, 2, 3); err != nil {
		return nil, nil, err
	}
	x, positions := in[0].Shape, in[1].Shape
	if err := wantDType(n, in, 1, tensor.Int64); err != nil {
		return nil, nil, err
	}
	if len(x) < 3 || len(x) > kernels.MaxAxes || !slices.Equal(x, positions) {
		return nil, nil, modelErr(n, "values %v at positions %v", x, positions)
	}
	if w, err = windowNd(n, len(x)-2, nil); err != nil {
		return nil, nil, err
	}
	shape = append([]int{x[0], x[1]}, make([]int, len(x)-2)...)
	for i, d := range x[2:] {
		if shape[2+i] = w.unpooled(i, d); d > math.MaxInt32 || shape[2+i] < 0 {
			return nil, nil, modelErr(n, "axis %d of %d for a kernel of %v", i, d, w.kernel)
		}
	}
	if !present(in, 2) {
		return w, shape, nil
	}
	if !hasConst(in, 2) {
		return nil, nil, needsValue(n, 2)
	}
	want, err := constInts(n, in, 2)
	if err != nil {
		return nil, nil, err
	}
	if len(want) != len(shape) {
		return nil, nil, modelErr(n, "output_shape %v for values %v", want, x)
	}
	for i, v := range want {
		if v < int64(shape[i]) || v > math.MaxInt32 || i < 2 && v != int64(shape[i]) {
			return nil, nil, modelErr(n, "output_shape %v, expected at least %v", want, shape)
		}
	}
	for i, v := range want {
		shape[i] = int(v)
	}
	return w, shape, nil
}

// unpooled is the size of axis i that pooling takes to d.
func (w *window) unpooled(i, d int) int {
	return (d-1)*w.stride[i] - w.before[i] - w.after[i] + w.kernel[i]
}

type unpool[T unsigned] struct {
	node   string
	window *window
}

// Run implements graph.Kernel.
func (k unpool[T]) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, positions, dst := words[T](in[0].Bytes), tensor.Data[int64](in[1]), words[T](out[0].Bytes)
	clear(dst)
	var size [kernels.MaxAxes]int // without output_shape
	shape, total := out[0].Shape, in[0].Shape[0]*in[0].Shape[1]
	size[0], size[1] = in[0].Shape[0], in[0].Shape[1]
	for i, d := range in[0].Shape[2:] {
		size[2+i] = k.window.unpooled(i, d)
		total *= size[2+i]
	}
	for i, p := range positions {
		if p < 0 || p >= int64(total) {
			return inputErr(k.node, "position %d of %d", p, total)
		}
		at, step := 0, 1
		for a, rest := len(shape)-1, int(p); a >= 0; a-- {
			at += rest % size[a] * step
			rest /= size[a]
			step *= shape[a]
		}
		dst[at] = x[i]
	}
	return nil
}
