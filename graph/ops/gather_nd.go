package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The last axis of the indices of GatherND and ScatterND holds k numbers: a position in the first k axes of data, behind the batch axes,
// at which a slice of the other axes lies.
var (
	opGatherND = &Op{
		Name: "gather_nd", Type: "GatherND", Since: 11, MinInputs: 2,
		Rows: func(n *graph.Node, _ []graph.Arg, rows []bool) bool {
			batch, err := n.IntAttr("batch_dims", 0)
			return err == nil && (batch > 0 && rows[0] && rows[1] || batch == 0 && !rows[0] && rows[1])
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 2); err != nil {
				return nil, err
			}
			batch, k, err := ndAxes(n, in)
			if err != nil {
				return nil, err
			}
			if !slices.Equal(in[0].Shape[:batch], in[1].Shape[:batch]) {
				return nil, modelErr(n, "shapes %v and %v with %d batch axes", in[0].Shape, in[1].Shape, batch)
			}
			return movable(n, in[0].DType, slices.Concat(in[1].Shape[:len(in[1].Shape)-1], in[0].Shape[batch+k:]))
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			batch, k, err := ndAxes(n, in)
			name := n.String()
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				size := in[0].DType.Size()
				return eachSlice(name, in[0].Shape, in[1], batch, k, func(i, at, length int) {
					copy(out[0].Bytes[i*length*size:(i+1)*length*size], in[0].Bytes[at*size:])
				})
			}), err
		},
	}
	opScatterND = &Op{
		Name: "scatter_nd", Type: "ScatterND", Since: 11, MinInputs: 3,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 3, 3); err != nil {
				return nil, err
			}
			_, k, err := ndAxes(n, in)
			if err != nil {
				return nil, err
			}
			if want := slices.Concat(in[1].Shape[:len(in[1].Shape)-1], in[0].Shape[k:]); !slices.Equal(in[2].Shape, want) {
				return nil, modelErr(n, "updates have shape %v, expected %v", in[2].Shape, want)
			}
			return inferScatter(n, in)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			_, k, err := ndAxes(n, in)
			if err != nil {
				return nil, err
			}
			name := n.String()
			return buildScatter(n, in[0].DType, func(c *combiners) graph.Kernel {
				return kernelFunc(func(in, out []*tensor.Tensor) error {
					copyElements(out[0], in[0])
					return eachSlice(name, in[0].Shape, in[1], 0, k, func(i, at, length int) { c.apply(out[0], in[2], at, i*length, length) })
				})
			})
		},
	}
)

// ndAxes checks indices against data and returns the batch axes and the length of a position.
func ndAxes(n *graph.Node, in []graph.Arg) (batch, k int, err error) {
	if err := wantDType(n, in, 1, tensor.Int64); err != nil {
		return 0, 0, err
	}
	b, err := n.IntAttr("batch_dims", 0)
	if err != nil {
		return 0, 0, err
	}
	rank := len(in[1].Shape)
	if b < 0 || b >= int64(rank) || b >= int64(len(in[0].Shape)) {
		return 0, 0, modelErr(n, "%d batch axes of values of shapes %v and %v", b, in[0].Shape, in[1].Shape)
	}
	batch, k = int(b), in[1].Shape[rank-1]
	if k < 1 || k > len(in[0].Shape)-batch {
		return 0, 0, modelErr(n, "indices of shape %v for a value of shape %v", in[1].Shape, in[0].Shape)
	}
	return batch, k, nil
}

// eachSlice calls f with the number of every position in indices, where its slice starts in an array of shape, and the slice's length.
func eachSlice(node string, shape []int, indices *tensor.Tensor, batch, k int, f func(i, at, length int)) error {
	length := strideOf(shape, batch+k-1)
	perBatch := shape[batch] * strideOf(shape, batch)
	count, groups := indices.Len()/k, 1
	for _, d := range shape[:batch] {
		groups *= d
	}
	if count == 0 || groups == 0 {
		return nil
	}
	for i := range count {
		at := i / (count / groups) * perBatch
		for j := range k {
			p, err := indexOf(node, indices, i*k+j, shape[batch+j])
			if err != nil {
				return err
			}
			at += p * strideOf(shape, batch+j)
		}
		f(i, at, length)
	}
	return nil
}
