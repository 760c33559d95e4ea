package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Operators whose result depends on shapes and constants only.
var (
	// opShape gives the dimensions from start to end.
	opShape = &Op{
		Name: "shape", Type: "Shape", Since: 1, OfShape: true,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			start, end, err := shapeRange(n, len(in[0].Shape))
			return []graph.Arg{{DType: tensor.Int64, Shape: []int{max(0, end-start)}}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			start, _, err := shapeRange(n, len(in[0].Shape))
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				for i := range out[0].Len() {
					tensor.Data[int64](out[0])[i] = int64(in[0].Shape[start+i])
				}
				return nil
			}), err
		},
	}
	// opSize gives the number of elements.
	opSize = &Op{
		Name: "size", Type: "Size", Since: 1, OfShape: true,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			return []graph.Arg{{DType: tensor.Int64, Shape: []int{}}}, arity(n, in, 1, 1)
		},
		Build: func(*graph.Node, []graph.Arg, *kernels.Pool) (graph.Kernel, error) {
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				tensor.Data[int64](out[0])[0] = int64(in[0].Len())
				return nil
			}), nil
		},
	}
	// opConstantOfShape fills a constant shape with one value, float32 0 where none is given.
	opConstantOfShape = &Op{
		Name: "constant_of_shape", Type: "ConstantOfShape", Since: 9,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			value, err := fillValue(n)
			if err != nil {
				return nil, err
			}
			shape, err := constShape(n, in, 0)
			if err != nil {
				return nil, err
			}
			return movable(n, value.DType, shape)
		},
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			value, err := fillValue(n)
			return kernelFunc(func(_, out []*tensor.Tensor) error {
				size := value.DType.Size()
				for at := 0; at < len(out[0].Bytes); at += size {
					copy(out[0].Bytes[at:at+size], value.Bytes)
				}
				return nil
			}), err
		},
	}
	// opEyeLike has ones on the k-th diagonal of a matrix of the shape of its input.
	opEyeLike = &Op{
		Name: "eye_like", Type: "EyeLike", Since: 9,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			d, err := eyeType(n, in)
			if err != nil {
				return nil, err
			}
			if len(in[0].Shape) != 2 {
				return nil, modelErr(n, "input 0 has shape %v, expected a matrix", in[0].Shape)
			}
			if _, err := n.IntAttr("k", 0); err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: d, Shape: in[0].Shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			d, err := eyeType(n, in)
			if err != nil {
				return nil, err
			}
			k, err := n.IntAttr("k", 0)
			one := tensor.New(d, 1)
			fromOne := tensor.Of([]float32{1}, 1)
			if err == nil {
				err = buildCast(n, tensor.Float32, d, tensor.ToSmall(d, true, "")).Run([]*tensor.Tensor{fromOne}, []*tensor.Tensor{one}, nil)
			}
			return kernelFunc(func(_, out []*tensor.Tensor) error {
				clear(out[0].Bytes)
				size, cols := d.Size(), out[0].Shape[1]
				for r := range out[0].Shape[0] {
					if c := int64(r) + min(max(k, math.MinInt32), math.MaxInt32); c >= 0 && c < int64(cols) {
						copy(out[0].Bytes[(r*cols+int(c))*size:], one.Bytes)
					}
				}
				return nil
			}), err
		},
	}
	// opRange counts from start to below limit in steps of delta, all three constants.
	opRange = &Op{
		Name: "range", Type: "Range", Since: 11, MinInputs: 3,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 3, 3); err != nil {
				return nil, err
			}
			count, err := rangeCount(n, in)
			return []graph.Arg{{DType: in[0].DType, Shape: []int{count}}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			switch in[0].DType {
			case tensor.Float16, tensor.BFloat16:
				return kernelFunc(rangeHalf), nil
			case tensor.Float32:
				return rangeKernel[float32](), nil
			case tensor.Float64:
				return rangeKernel[float64](), nil
			case tensor.Int16:
				return rangeKernel[int16](), nil
			case tensor.Int32:
				return rangeKernel[int32](), nil
			}
			return rangeKernel[int64](), nil
		},
	}
)

func shapeRange(n *graph.Node, rank int) (start, end int, err error) {
	bound := func(name string, def int64) int {
		v, e := n.IntAttr(name, def)
		if e != nil {
			err = e
		}
		if v < 0 {
			v += int64(rank)
		}
		return int(min(max(v, 0), int64(rank)))
	}
	return bound("start", 0), bound("end", int64(rank)), err
}

// fillValue reads the attribute "value".
func fillValue(n *graph.Node) (*tensor.Tensor, error) {
	a, ok := n.Attrs["value"]
	if !ok {
		return tensor.New(tensor.Float32, 1), nil
	}
	if a.Kind != graph.AttrTensor || a.Tensor == nil || a.Tensor.Len() != 1 {
		return nil, modelErr(n, "attribute \"value\" is not a tensor of one element")
	}
	return a.Tensor, nil
}

func eyeType(n *graph.Node, in []graph.Arg) (tensor.DType, error) {
	code, err := n.IntAttr("dtype", int64(in[0].DType.ONNX()))
	if err != nil {
		return tensor.Invalid, err
	}
	d := tensor.Invalid
	if code > 0 && code <= math.MaxInt32 {
		d = tensor.FromONNX(int32(code))
	}
	if d == tensor.Invalid || d == tensor.String {
		return d, unsupported(n, "elements of type %d", code)
	}
	return d, nil
}

// rangeCount is max(⌈(limit − start)/delta⌉, 0).
func rangeCount(n *graph.Node, in []graph.Arg) (int, error) {
	if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int16, tensor.Int32, tensor.Int64); err != nil {
		return 0, err
	}
	var v [3]float64
	for i := range v {
		if !hasConst(in, i) {
			return 0, needsValue(n, i)
		}
		if in[i].DType != in[0].DType || in[i].Const.Len() != 1 {
			return 0, modelErr(n, "input %d is %s of shape %v, expected a scalar of %s", i, in[i].DType, in[i].Shape, in[0].DType)
		}
		loadFloat64(v[i:i+1], in[i].Const, 0)
	}
	count := math.Ceil((v[1] - v[0]) / v[2])
	if v[2] == 0 || !(count <= math.MaxInt32) {
		return 0, modelErr(n, "from %g to %g in steps of %g", v[0], v[1], v[2])
	}
	return int(max(count, 0)), nil
}

// rangeHalf computes start + i·delta, exact but for the rounding to the result.
func rangeHalf(in, out []*tensor.Tensor) error {
	var start, step, v [1]float64
	loadFloat64(start[:], in[0], 0)
	loadFloat64(step[:], in[2], 0)
	for i := range out[0].Len() {
		v[0] = start[0] + float64(float64(i)*step[0])
		storeFloats(out[0], i, v[:])
	}
	return nil
}

func rangeKernel[T number]() graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		v, step := tensor.Data[T](in[0])[0], tensor.Data[T](in[2])[0]
		dst := tensor.Data[T](out[0])
		for i := range dst {
			dst[i] = v
			v += step
		}
		return nil
	})
}

// opHardmax gives 1 to the first greatest element along an axis, as Softmax counts axes, and 0 to the others.
var opHardmax = &Op{
	Name: "hardmax", Type: "Hardmax", Since: 1, RowAxes: opSoftmax.RowAxes, Infer: opSoftmax.Infer,
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		first, last, err := softmaxAxes(n, len(in[0].Shape))
		axes := softmaxKernel{first: first, last: last}
		if in[0].DType == tensor.Float64 {
			return &softmaxFloat64{axes, true}, err
		}
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
			clear(dst)
			if len(x) == 0 {
				return nil
			}
			outer, n, inner := axes.sizes(in[0].Shape)
			for o := range outer {
				for i := range inner {
					best := o*n*inner + i
					for at := best + inner; at < (o+1)*n*inner; at += inner {
						if x[at] > x[best] {
							best = at
						}
					}
					dst[best] = 1
				}
			}
			return nil
		}), err
	},
}

// axesList reads a list of axes as one flag per axis.
func axesList(n *graph.Node, list []int64, rank int) ([]bool, error) {
	axes := make([]bool, rank)
	for _, a := range list {
		axis, err := axisOf(n, a, rank)
		if err != nil {
			return nil, err
		}
		axes[axis] = true
	}
	return axes, nil
}
