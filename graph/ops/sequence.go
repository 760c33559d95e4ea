package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Running sums and products along one axis, in ascending order of the axis or with reverse=1 in descending; exclusive=1 leaves each element
// itself out.
var (
	opCumSum  = cumulativeOp("cum_sum", "CumSum", 11, false)
	opCumProd = viaFloat32(cumulativeOp("cum_prod", "CumProd", 26, true))
)

func cumulativeOp(name, opType string, since int64, product bool) *Op {
	return &Op{
		Name: name, Type: opType, Since: since, MinInputs: 2,
		Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
			if !hasConst(in, 1) || !rowsFirst(n, in, rows) {
				return false
			}
			axis, ok := wholeNumber(in[1].Const)
			a, err := axisOf(n, axis, len(in[0].Shape))
			return ok && err == nil && a > 0
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 2); err != nil {
				return nil, err
			}
			if err := (cumulate{}).kernels().want(n, in, 0); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 1, tensor.Int64, tensor.Int32); err != nil {
				return nil, err
			}
			if size, _ := tensor.Elements(in[1].Shape); size != 1 {
				return nil, modelErr(n, "the axis has shape %v, expected a scalar", in[1].Shape)
			}
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			exclusive, err := n.IntAttr("exclusive", 0)
			if err != nil {
				return nil, err
			}
			reverse, err := n.IntAttr("reverse", 0)
			return cumulate{n.String(), exclusive != 0, reverse != 0, product}.kernels()[in[0].DType], err
		},
	}
}

// cumulate is the form of a running sum or product.
type cumulate struct {
	node                        string
	exclusive, reverse, product bool
}

func (c cumulate) kernels() typed {
	return typed{
		tensor.Float32: cumulative[float32](c), tensor.Float64: cumulative[float64](c), tensor.Int32: cumulative[int32](c),
		tensor.Int64: cumulative[int64](c), tensor.Uint32: cumulative[uint32](c), tensor.Uint64: cumulative[uint64](c),
	}
}

func cumulative[T number](c cumulate) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		axis, ok := wholeNumber(in[1])
		rank := int64(len(in[0].Shape))
		if !ok || axis < -rank || axis >= rank {
			return inputErr(c.node, "axis %d for a value of rank %d", axis, rank)
		}
		if axis < 0 {
			axis += rank
		}
		outer, n, inner := around(in[0].Shape, int(axis))
		x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
		for o := range outer {
			for i := range inner {
				var before, after T // what is known without and with the element
				if c.product {
					after = 1
				}
				for k := range n {
					if c.reverse {
						k = n - 1 - k
					}
					at := (o*n+k)*inner + i
					if before = after; c.product {
						after *= x[at]
					} else {
						after += x[at]
					}
					if c.exclusive {
						dst[at] = before
					} else {
						dst[at] = after
					}
				}
			}
		}
		return nil
	})
}

// opReverseSequence turns the first elements of each batch entry around along the time axis; their number comes with the entry.
var opReverseSequence = &Op{
	Name: "reverse_sequence", Type: "ReverseSequence", Since: 10, MinInputs: 2,
	Rows: func(n *graph.Node, _ []graph.Arg, rows []bool) bool {
		batch, err := n.IntAttr("batch_axis", 1)
		return err == nil && batch == 0 && rows[0] && rows[1]
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Int64); err != nil {
			return nil, err
		}
		batch, err := reverseAxes(n)
		if err != nil {
			return nil, err
		}
		if s := in[0].Shape; len(s) < 2 || len(in[1].Shape) != 1 || in[1].Shape[0] != s[batch] {
			return nil, modelErr(n, "lengths of shape %v for a value of shape %v, batch axis %d", in[1].Shape, s, batch)
		}
		return movable(n, in[0].DType, in[0].Shape)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		batch, err := reverseAxes(n)
		name := n.String()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			shape, lengths := in[0].Shape, tensor.Data[int64](in[1])
			size := strideOf(shape, 1) * in[0].DType.Size()
			for i := range shape[0] {
				for j := range shape[1] {
					b, t := i, j
					if batch == 1 {
						b, t = j, i
					}
					length := lengths[b]
					if length < 0 || length > int64(shape[1-batch]) {
						return inputErr(name, "length %d of sequence %d, expected at most %d", length, b, shape[1-batch])
					}
					if int64(t) < length {
						t = int(length) - 1 - t
					}
					from := b*shape[1] + t
					if batch == 1 {
						from = t*shape[1] + b
					}
					to := i*shape[1] + j
					copy(out[0].Bytes[to*size:(to+1)*size], in[0].Bytes[from*size:])
				}
			}
			return nil
		}), err
	},
}

// reverseAxes returns the batch axis, 0 or 1; time is the other.
func reverseAxes(n *graph.Node) (batch int, err error) {
	b, err := n.IntAttr("batch_axis", 1)
	if err != nil {
		return 0, err
	}
	t, err := n.IntAttr("time_axis", 0)
	if err == nil && (b < 0 || b > 1 || t != 1-b) {
		err = modelErr(n, "batch axis %d and time axis %d, expected 0 and 1 or 1 and 0", b, t)
	}
	return int(b), err
}

// opTrilu keeps the upper or lower triangle of matrices, from the k-th diagonal on, and clears the rest.
var opTrilu = &Op{
	Name: "trilu", Type: "Trilu", Since: 14,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		return len(in[0].Shape) > 2 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 2); err != nil {
			return nil, err
		}
		if len(in[0].Shape) < 2 {
			return nil, modelErr(n, "input 0 has shape %v, expected matrices", in[0].Shape)
		}
		if present(in, 1) {
			if size, _ := tensor.Elements(in[1].Shape); in[1].DType != tensor.Int64 || size != 1 {
				return nil, modelErr(n, "input 1 is %s of shape %v, expected an int64", in[1].DType, in[1].Shape)
			}
		}
		if _, err := n.IntAttr("upper", 1); err != nil {
			return nil, err
		}
		return movable(n, in[0].DType, in[0].Shape)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		upper, err := n.IntAttr("upper", 1)
		hasK := present(in, 1)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			k := int64(0)
			if hasK {
				k = tensor.Data[int64](in[1])[0]
			}
			rank := len(in[0].Shape)
			rows, cols, size := in[0].Shape[rank-2], in[0].Shape[rank-1], in[0].DType.Size()
			if len(in[0].Bytes) == 0 {
				return nil
			}
			copy(out[0].Bytes, in[0].Bytes)
			k = min(max(k, -int64(rows)-int64(cols)), int64(rows)+int64(cols))
			for r := range in[0].Len() / cols {
				row := out[0].Bytes[r*cols*size : (r+1)*cols*size]
				if diagonal := int64(r%rows) + k; upper != 0 {
					clear(row[:min(max(diagonal, 0), int64(cols))*int64(size)])
				} else {
					clear(row[min(max(diagonal+1, 0), int64(cols))*int64(size):])
				}
			}
			return nil
		}), err
	},
}
