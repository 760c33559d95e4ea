package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
)

// opMatMul is NumPy's matmul: of vectors, matrices, and batches of matrices that broadcast. A constant matrix on the right is packed
// once. opFusedMatMul adds inputs 2 and 3, which are optional, and has an activation in its epilogue.
var (
	opMatMul      = &Op{Name: "matmul", Type: "MatMul", Since: 1, MinInputs: 2, Infer: inferMatMul, Build: buildMatMul, RowAxes: rowsMatMul, Packs: packsMatrix, Depth: lastAxis}
	opFusedMatMul = &Op{Name: "matmul", Domain: graph.DomainFused, Type: "MatMul", MinInputs: 2, Infer: inferMatMul, Build: buildMatMul, RowAxes: rowsMatMul, Packs: packsMatrix, Depth: lastAxis}
)

func inferMatMul(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := productInputs(n, in, 2); err != nil {
		return nil, err
	}
	a, b := in[0].Shape, in[1].Shape
	if len(a) == 0 || len(b) == 0 {
		return nil, modelErr(n, "shapes %v and %v, expected no scalars", a, b)
	}
	if len(a) > kernels.MaxAxes || len(b) > kernels.MaxAxes {
		return nil, unsupported(n, "%d and %d axes, expected at most %d", len(a), len(b), kernels.MaxAxes)
	}
	k := b[0]
	if len(b) > 1 {
		k = b[len(b)-2]
	}
	if a[len(a)-1] != k {
		return nil, modelErr(n, "shapes %v and %v do not multiply", a, b)
	}
	shape, err := broadcastShape(n, a[:max(0, len(a)-2)], b[:max(0, len(b)-2)])
	if err != nil {
		return nil, err
	}
	if len(a) > 1 {
		shape = append(shape, a[len(a)-2])
	}
	if len(b) > 1 {
		shape = append(shape, b[len(b)-1])
	}
	return productShape(n, in, shape, 2)
}

func buildMatMul(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	return buildProduct(n, in, pool, gemmAttrs{alpha: 1, beta: 1})
}

// rowsMatMul holds where rows are rows of A or lie along an axis of the batch, on one side or on both, and addends are stretched along no
// rows or have them.
func rowsMatMul(_ *graph.Node, in, out []graph.Arg, axes []int) []int {
	a, b := len(in[0].Shape), len(in[1].Shape)
	rank := max(a, b, 2)
	at := [2]int{graph.NoRows, graph.NoRows} // among the axes of a product of that rank
	if axes[0] != graph.NoRows {
		at[0] = axes[0] + rank - a
	}
	if axes[1] != graph.NoRows {
		at[1] = axes[1] + rank - b
	}
	common := max(at[0], at[1])
	if common == graph.NoRows || common == rank-1 || at[1] >= rank-2 {
		return nil
	}
	for i := range at {
		axis := common - rank + len(in[i].Shape)
		alike := at[i] == common || at[i] == graph.NoRows && (axis < 0 || common >= rank-2 || in[i].Shape[axis] == 1)
		if !alike {
			return nil
		}
	}
	common += len(out[0].Shape) - rank // an addend may have more axes
	for _, vector := range []bool{a == 1, b == 1} {
		if vector {
			common++
		}
	}
	for i, arg := range in[2:] {
		axis := common - len(out[0].Shape) + len(arg.Shape)
		if rows := axes[2+i]; rows != graph.NoRows && rows != axis || rows == graph.NoRows && axis >= 0 && arg.Shape[axis] != 1 {
			return nil
		}
	}
	return []int{common}
}
