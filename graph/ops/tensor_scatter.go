package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opTensorScatter writes an update into a cache along "axis", for each batch entry from its own position on; with mode "circular" positions
// wrap around, otherwise the update must end within the cache.
var opTensorScatter = &Op{
	Name: "tensor_scatter", Type: "TensorScatter", Since: 24, MinInputs: 2,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		return rows[0] && rows[1] && (len(rows) < 3 || !present(in, 2) || rows[2])
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 3); err != nil {
			return nil, err
		}
		axis, _, err := tensorScatterAttrs(n, in)
		if err != nil {
			return nil, err
		}
		if in[0].DType.Composite() {
			return nil, unsupported(n, "input 0 is %s", in[0].DType)
		}
		want := slices.Clone(in[0].Shape)
		if len(in[1].Shape) == len(want) && in[1].Shape[axis] <= want[axis] {
			want[axis] = in[1].Shape[axis]
		}
		if in[1].DType != in[0].DType || !slices.Equal(in[1].Shape, want) {
			return nil, modelErr(n, "an update of %s %v for a cache of %s %v, axis %d", in[1].DType, in[1].Shape, in[0].DType, in[0].Shape, axis)
		}
		if present(in, 2) && (in[2].DType != tensor.Int64 || !slices.Equal(in[2].Shape, in[0].Shape[:1])) {
			return nil, modelErr(n, "write_indices are %s %v, expected int64 %v", in[2].DType, in[2].Shape, in[0].Shape[:1])
		}
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		axis, circular, err := tensorScatterAttrs(n, in)
		name, placed := n.String(), present(in, 2)
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			copyElements(out[0], in[0])
			outer, size, inner := around(in[0].Shape, axis)
			rows := in[1].Shape[axis]
			if outer == 0 || rows == 0 || inner == 0 {
				return nil
			}
			perEntry := outer / in[0].Shape[0]
			for o := range outer {
				at := int64(0)
				if placed {
					at = tensor.Data[int64](in[2])[o/perEntry]
				}
				if at < 0 || at >= int64(size) && !circular || !circular && int(at)+rows > size {
					return inputErr(name, "write index %d for %d rows of a cache of %d", at, rows, size)
				}
				from, to := o*rows*inner, int(at%int64(size))
				before := min(rows, size-to) // the rest wraps around
				copyRun(out[0], (o*size+to)*inner, in[1], from, before*inner)
				copyRun(out[0], o*size*inner, in[1], from+before*inner, (rows-before)*inner)
			}
			return nil
		}), err
	},
}

func tensorScatterAttrs(n *graph.Node, in []graph.Arg) (axis int, circular bool, err error) {
	mode, err := n.StringAttr("mode", "linear")
	if err == nil && mode != "linear" && mode != "circular" {
		err = modelErr(n, "attribute \"mode\" is %q, expected \"linear\" or \"circular\"", mode)
	}
	if err != nil {
		return 0, false, err
	}
	a, err := n.IntAttr("axis", -2)
	if err != nil {
		return 0, false, err
	}
	axis, err = axisOf(n, a, len(in[0].Shape))
	if err == nil && axis == 0 {
		err = modelErr(n, "axis 0 is the batch")
	}
	return axis, mode == "circular", err
}
