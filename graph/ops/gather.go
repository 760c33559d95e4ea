package ops

import (
	"slices"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opGather replaces one axis by the elements at indices, which may be of any shape; negative ones count from the end.
var opGather = &Op{
	Name: "gather", Type: "Gather", Since: 1, MinInputs: 2, Moves: 1,
	// Rows of the data survive where another axis is indexed by a value without rows, rows of the indices where they look up a table.
	RowAxes: func(n *graph.Node, in, _ []graph.Arg, axes []int) []int {
		axis, err := gatherAxis(n, in)
		switch data, positions := axes[0], axes[1]; {
		case err != nil || data == axis || data != graph.NoRows && positions != graph.NoRows:
			return nil
		case data == graph.NoRows:
			return []int{axis + positions}
		case data < axis:
			return []int{data}
		default:
			return []int{data - 1 + len(in[1].Shape)}
		}
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, tensor.Int64, tensor.Int32); err != nil {
			return nil, err
		}
		axis, err := gatherAxis(n, in)
		if err != nil {
			return nil, err
		}
		return movable(n, in[0].DType, slices.Concat(in[0].Shape[:axis], in[1].Shape, in[0].Shape[axis+1:]))
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		axis, err := gatherAxis(n, in)
		return &gather{n.String(), axis, pool}, err
	},
}

func gatherAxis(n *graph.Node, in []graph.Arg) (int, error) {
	a, err := n.IntAttr("axis", 0)
	if err != nil {
		return 0, err
	}
	return axisOf(n, a, len(in[0].Shape))
}

type gather struct {
	node string
	axis int
	pool *kernels.Pool
}

// Run implements graph.Kernel.
func (k *gather) Run(in, out []*tensor.Tensor, _ []byte) error {
	data, indices, dst := in[0], in[1], out[0].Bytes
	outer, n, inner := around(data.Shape, k.axis)
	count := indices.Len()
	for i := range count {
		if at := intAt(indices, i); at < -int64(n) || at >= int64(n) {
			return inputErr(k.node, "index %d of an axis of %d", at, n)
		}
	}
	j, runs := gatherJobs.Get().(*gatherJob), outer*count
	*j = gatherJob{dst: dst, data: data.Bytes, indices: indices, n: n, count: count, size: inner * data.DType.Size(), runs: runs, share: runs}
	if shares := min(len(dst)/spreadBytes, spreadShares*k.pool.Threads()); shares > 1 {
		j.share = (runs + shares - 1) / shares
	}
	if runs > 0 {
		k.pool.Run((runs+j.share-1)/j.share, j)
	}
	*j = gatherJob{}
	gatherJobs.Put(j)
	return nil
}

// gatherJob is one run. A chunk is some of the runs of elements that lie together, in the order of the output.
type gatherJob struct {
	dst, data                   []byte
	indices                     *tensor.Tensor
	n, count, size, runs, share int
}

var gatherJobs = sync.Pool{New: func() any { return new(gatherJob) }}

// Chunk copies the i-th runs.
func (j *gatherJob) Chunk(i int) {
	from, to := i*j.share, min((i+1)*j.share, j.runs)
	first, k := from/j.count*j.n, from%j.count
	for r := from; r < to; r++ {
		at := int(intAt(j.indices, k))
		if at < 0 {
			at += j.n
		}
		copy(j.dst[r*j.size:(r+1)*j.size], j.data[(first+at)*j.size:])
		if k++; k == j.count {
			first, k = first+j.n, 0
		}
	}
}
