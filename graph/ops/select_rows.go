package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// AttrFirst of SelectRows is the value whose row is the first.
const AttrFirst = "first"

// opSelectRows is the product of one-hot rows and a matrix, made by passes: it puts row v − first of a table in the place of each v, the last
// axis of which has one element. Values beside first … have the last row of the table, which is no value's own.
var opSelectRows = &Op{
	Name: "select_rows", Domain: graph.DomainFused, Type: "SelectRows", MinInputs: 2,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		return len(in[0].Shape) > 1 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Int32, tensor.Int64); err != nil {
			return nil, err
		}
		x, table := in[0].Shape, in[1].Shape
		if len(x) == 0 || x[len(x)-1] != 1 || len(table) != 2 || table[0] < 1 {
			return nil, modelErr(n, "values %v and a table %v, expected a last axis of 1 and a matrix", x, table)
		}
		return movable(n, in[1].DType, append(slices.Clone(x[:len(x)-1]), table[1]))
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		first, err := n.IntAttr(AttrFirst, 0)
		wide := in[0].DType == tensor.Int64
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			if wide {
				selectRows(out[0], in[1], tensor.Data[int64](in[0]), first)
			} else {
				selectRows(out[0], in[1], tensor.Data[int32](in[0]), first)
			}
			return nil
		}), err
	},
}

func selectRows[I int32 | int64](dst, table *tensor.Tensor, values []I, first int64) {
	size, last := table.Shape[1]*table.DType.Size(), int64(table.Shape[0]-1)
	for i, v := range values {
		row := last
		if d := int64(v) - first; int64(v) >= first && d >= 0 && d < last {
			row = d
		}
		copy(dst.Bytes[i*size:(i+1)*size], table.Bytes[int(row)*size:])
	}
}
