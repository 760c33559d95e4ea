package ops

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opUnique gives the distinct elements, or with "axis" the distinct slices across it, ascending or, with sorted=0, in the order in which
// they come first; then the first position of each, for each position of the input which it is, and how often each occurs. Slices are
// ordered by their first element that differs. NaN equals NaN and comes last, −0 equals 0, false comes before true.
var opUnique = &Op{
	Name: "unique", Type: "Unique", Since: 11,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if _, _, err := optionalAxis(n, len(in[0].Shape)); err != nil {
			return nil, err
		}
		if _, err := n.IntAttr("sorted", 1); err != nil {
			return nil, err
		}
		if !hasConst(in, 0) {
			return nil, needsValue(n, 0)
		}
		u, err := newUnique(n, in[0].Const)
		if err != nil {
			return nil, err
		}
		shape := []int{len(u.first)}
		if !u.flat {
			shape = slices.Clone(in[0].Shape)
			shape[u.axis] = len(u.first)
		}
		list := func(size int) graph.Arg { return graph.Arg{DType: tensor.Int64, Shape: []int{size}} }
		out := []graph.Arg{{DType: in[0].DType, Shape: shape}, list(len(u.first)), list(len(u.inverse)), list(len(u.first))}
		return out[:max(1, min(len(n.Outputs), len(out)))], nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		if !hasConst(in, 0) {
			return nil, needsValue(n, 0)
		}
		u, err := newUnique(n, in[0].Const)
		return u, err
	},
}

// unique is what is known of the distinct slices of a value, which never changes: the kernel only writes it down.
type unique struct {
	axis    int
	flat    bool
	first   []int64 // position of each distinct slice
	inverse []int64 // distinct slice at each position
	counts  []int64
}

func newUnique(n *graph.Node, x *tensor.Tensor) (*unique, error) {
	u := &unique{}
	var err error
	if u.axis, u.flat, err = optionalAxis(n, len(x.Shape)); err != nil {
		return nil, err
	}
	sorted, err := n.IntAttr("sorted", 1)
	if err != nil {
		return nil, err
	}
	order := comparer(x)
	if order == nil {
		return nil, unsupported(n, "input 0 is %s", x.DType)
	}
	outer, size, inner := 1, x.Len(), 1
	if !u.flat {
		outer, size, inner = around(x.Shape, u.axis)
	}
	compare := func(a, b int) int {
		for o := range outer {
			for i := range inner {
				if c := order((o*size+a)*inner+i, (o*size+b)*inner+i); c != 0 {
					return c
				}
			}
		}
		return 0
	}
	by := make([]int, size)
	for i := range by {
		by[i] = i
	}
	slices.SortStableFunc(by, compare)
	u.inverse = make([]int64, size)
	for i, at := range by {
		if i == 0 || compare(by[i-1], at) != 0 {
			u.first, u.counts = append(u.first, int64(at)), append(u.counts, 0)
		}
		u.inverse[at] = int64(len(u.first) - 1)
		u.counts[len(u.first)-1]++
	}
	if sorted == 0 {
		u.byFirst()
	}
	return u, nil
}

// byFirst orders the distinct slices by their first position.
func (u *unique) byFirst() {
	order := make([]int, len(u.first))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(u.first[a], u.first[b]) })
	place := make([]int64, len(order))
	first, counts := make([]int64, len(order)), make([]int64, len(order))
	for to, from := range order {
		first[to], counts[to], place[from] = u.first[from], u.counts[from], int64(to)
	}
	u.first, u.counts = first, counts
	for i, v := range u.inverse {
		u.inverse[i] = place[v]
	}
}

// Run implements graph.Kernel.
func (u *unique) Run(in, out []*tensor.Tensor, _ []byte) error {
	outer, size, inner := 1, in[0].Len(), 1
	if !u.flat {
		outer, size, inner = around(in[0].Shape, u.axis)
	}
	for o := range outer {
		for k, from := range u.first {
			copyRun(out[0], (o*len(u.first)+k)*inner, in[0], (o*size+int(from))*inner, inner)
		}
	}
	for i, list := range [][]int64{u.first, u.inverse, u.counts} {
		if i+1 < len(out) && out[i+1] != nil {
			copy(tensor.Data[int64](out[i+1]), list)
		}
	}
	return nil
}

// comparer orders two elements of t as Unique does; nil for dtypes that have no order.
func comparer(t *tensor.Tensor) func(i, j int) int {
	switch t.DType {
	case tensor.String:
		return func(i, j int) int { return strings.Compare(t.Strings[i], t.Strings[j]) }
	case tensor.Float32:
		return compareFloats(tensor.Data[float32](t), func(v float32) float32 { return v })
	case tensor.Float64:
		return compareFloats(tensor.Data[float64](t), func(v float64) float64 { return v })
	case tensor.Float16:
		return compareFloats(tensor.Data[tensor.F16](t), tensor.F16.Float32)
	case tensor.BFloat16:
		return compareFloats(tensor.Data[tensor.BF16](t), tensor.BF16.Float32)
	case tensor.Bool, tensor.Uint8:
		return compareEach(tensor.Data[uint8](t))
	case tensor.Int8:
		return compareEach(tensor.Data[int8](t))
	case tensor.Int16:
		return compareEach(tensor.Data[int16](t))
	case tensor.Int32:
		return compareEach(tensor.Data[int32](t))
	case tensor.Int64:
		return compareEach(tensor.Data[int64](t))
	case tensor.Uint16:
		return compareEach(tensor.Data[uint16](t))
	case tensor.Uint32:
		return compareEach(tensor.Data[uint32](t))
	case tensor.Uint64:
		return compareEach(tensor.Data[uint64](t))
	}
	return nil
}

func compareEach[T integer](x []T) func(i, j int) int {
	return func(i, j int) int { return cmp.Compare(x[i], x[j]) }
}

// compareFloats puts NaN last, where cmp.Compare puts it first.
func compareFloats[T any, F float32 | float64](x []T, widen func(T) F) func(i, j int) int {
	return func(i, j int) int {
		a, b := widen(x[i]), widen(x[j])
		if a != a || b != b {
			return -cmp.Compare(a, b)
		}
		return cmp.Compare(a, b)
	}
}
