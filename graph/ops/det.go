package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opDet is the determinant of the matrices of the last two axes: Gaussian elimination with the largest pivot of each column, the first of
// equal ones, in float64 with one rounding per operation, rounded to the dtype at the end. The determinant of a matrix without rows is 1.
var opDet = viaFloat32(&Op{
	Name: "det", Type: "Det", Since: 11,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		return len(in[0].Shape) > 2 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
			return nil, err
		}
		rank := len(in[0].Shape)
		if rank < 2 || in[0].Shape[rank-1] != in[0].Shape[rank-2] {
			return nil, modelErr(n, "input 0 has shape %v, expected square matrices", in[0].Shape)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape[:rank-2]}}, nil
	},
	Build: func(_ *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		if in[0].DType == tensor.Float64 {
			return detKernel[float64]{}, nil
		}
		return detKernel[float32]{}, nil
	},
})

type detKernel[T float32 | float64] struct{}

// ScratchBytes implements graph.ScratchKernel: one matrix.
func (detKernel[T]) ScratchBytes(args []graph.Arg) int {
	m := dimFromEnd(args[0].Shape, 1)
	if size, ok := tensor.Elements([]int{m, m, 8}); ok {
		return size
	}
	return math.MaxInt / 2 // beyond every limit
}

// Run implements graph.Kernel.
func (detKernel[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	m := dimFromEnd(in[0].Shape, 1)
	x, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
	a := words[float64](scratch)
	for i := range dst {
		for j, v := range x[i*m*m : (i+1)*m*m] {
			a[j] = float64(v)
		}
		dst[i] = T(determinant(a, m))
	}
	return nil
}

// determinant eliminates the m×m matrix a in place.
func determinant(a []float64, m int) float64 {
	det := 1.0
	for k := range m {
		pivot := largestPivot(a, m, k)
		if pivot != k {
			det = -det
			for c := k; c < m; c++ {
				a[k*m+c], a[pivot*m+c] = a[pivot*m+c], a[k*m+c]
			}
		}
		p := a[k*m+k]
		det *= p
		if p == 0 {
			return det
		}
		for r := k + 1; r < m; r++ {
			f := a[r*m+k] / p
			for c := k + 1; c < m; c++ {
				a[r*m+c] -= float64(f * a[k*m+c])
			}
		}
	}
	return det
}

// largestPivot is the row, from k on, of the first of the largest elements of column k.
func largestPivot(a []float64, m, k int) int {
	pivot := k
	for r := k + 1; r < m; r++ {
		if math.Abs(a[r*m+k]) > math.Abs(a[pivot*m+k]) {
			pivot = r
		}
	}
	return pivot
}
