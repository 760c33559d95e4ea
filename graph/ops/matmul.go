package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
)

// opMatMul is NumPy's matmul: of vectors, matrices, and batches of matrices that broadcast. A constant matrix on the right is packed
// once. opFusedMatMul adds inputs 2 and 3, which are optional, and has an activation in its epilogue.
var (
	opMatMul      = &Op{Name: "matmul", Type: "MatMul", Since: 1, MinInputs: 2, Infer: inferMatMul, Build: buildMatMul, Rows: rowsMatMul, Packs: packsMatrix, Depth: lastAxis}
	opFusedMatMul = &Op{Name: "matmul", Domain: graph.DomainFused, Type: "MatMul", MinInputs: 2, Infer: inferMatMul, Build: buildMatMul, Rows: rowsMatMul, Packs: packsMatrix, Depth: lastAxis}
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

// rowsMatMul holds where axis 0 is a row of A or of the batch, on one side or on both.
func rowsMatMul(_ *graph.Node, in []graph.Arg, rows []bool) bool {
	a, b := in[0].Shape, in[1].Shape
	wide := a // the operand whose axis 0 is the result's
	switch {
	case rows[0] && rows[1]:
		if len(a) != len(b) || len(a) < 3 {
			return false
		}
	case rows[0]:
		if len(a) < 2 || len(b) > max(len(a), 2) || len(b) == len(a) && len(a) > 2 && b[0] != 1 {
			return false
		}
	case rows[1]:
		if wide = b; len(b) < 3 || len(a) > len(b) || len(a) == len(b) && a[0] != 1 {
			return false
		}
	default:
		return false
	}
	rank := len(wide)
	if len(b) == 1 {
		rank--
	}
	return rowsOfAddends(wide[:rank], in, rows)
}
