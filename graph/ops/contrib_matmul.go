package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// FusedMatMul of com.microsoft, and what it was called before: alpha times a product of matrices that may be transposed on the last two axes.
var (
	opContribMatMul    = transposedMatMul("contrib_matmul", "FusedMatMul")
	opTransposedMatMul = transposedMatMul("transpose_matmul", "TransposeMatMul")
)

func transposedMatMul(name, opType string) *Op {
	return viaFloat32(&Op{
		Name: name, Domain: graph.DomainMicrosoft, Type: opType, Since: 1, MinInputs: 2, Packs: packsMatrix,
		RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
			g, err := readGemmAttrs(n)
			if err != nil || g.transA && len(in[0].Shape) == 2 || slices.Max(axes) > 0 {
				return nil
			}
			return rowsMatMul(n, in, out, axes)
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := productInputs(n, in, 2); err != nil {
				return nil, err
			}
			g, err := readGemmAttrs(n)
			if err != nil {
				return nil, err
			}
			for _, name := range []string{"transBatchA", "transBatchB"} {
				if v, err := n.IntAttr(name, 0); err != nil || v != 0 {
					return nil, unsupported(n, "attribute %q", name)
				}
			}
			a, b := in[0], in[1]
			if len(a.Shape) < 2 && g.transA || len(b.Shape) < 2 && g.transB {
				return nil, modelErr(n, "shapes %v and %v, expected matrices to transpose", a.Shape, b.Shape)
			}
			a.Shape, b.Shape = swapped(a.Shape, g.transA), swapped(b.Shape, g.transB)
			return inferMatMul(n, []graph.Arg{a, b})
		},
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			g, err := readGemmAttrs(n)
			if err != nil {
				return nil, err
			}
			return newProduct(n, in, pool, g)
		},
	})
}

// swapped is a shape with its last two axes exchanged, if so.
func swapped(shape []int, swap bool) []int {
	if !swap {
		return shape
	}
	s := append([]int{}, shape...)
	s[len(s)-1], s[len(s)-2] = s[len(s)-2], s[len(s)-1]
	return s
}

// opInverse inverts the matrices of the last two axes by elimination with the largest pivot of each column, in float64.
var opInverse = viaFloat32(&Op{
	Name: "inverse", Domain: graph.DomainMicrosoft, Type: "Inverse", Since: 1,
	Rows: opDet.Rows,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if _, err := opDet.Infer(n, in); err != nil {
			return nil, err
		}
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		return inverse{n.String()}, nil
	},
})

type inverse struct{ node string }

// ScratchBytes implements graph.ScratchKernel: a matrix and what becomes its inverse.
func (inverse) ScratchBytes(args []graph.Arg) int { return 2 * detKernel[float64]{}.ScratchBytes(args) }

// Run implements graph.Kernel.
func (k inverse) Run(in, out []*tensor.Tensor, scratch []byte) error {
	m := dimFromEnd(in[0].Shape, 1)
	if m == 0 {
		return nil
	}
	memory := words[float64](scratch)
	a, inv := memory[:m*m], memory[m*m:2*m*m]
	for first := 0; first < in[0].Len(); first += m * m {
		for i := range a {
			a[i] = floatAt(in[0], first+i)
		}
		if !invert(inv, a, m) {
			return inputErr(k.node, "matrix %d has no inverse", first/(m*m))
		}
		for i, v := range inv {
			setFloat(out[0], first+i, v)
		}
	}
	return nil
}

// invert turns a into the identity and inv into its inverse, row by row; false where a pivot is 0.
func invert(inv, a []float64, m int) bool {
	clear(inv)
	for i := range m {
		inv[i*m+i] = 1
	}
	for k := range m {
		pivot := largestPivot(a, m, k)
		if a[pivot*m+k] == 0 {
			return false
		}
		for c := range m {
			a[k*m+c], a[pivot*m+c] = a[pivot*m+c], a[k*m+c]
			inv[k*m+c], inv[pivot*m+c] = inv[pivot*m+c], inv[k*m+c]
		}
		p := a[k*m+k]
		for c := range m {
			a[k*m+c] /= p
			inv[k*m+c] /= p
		}
		for r := range m {
			f := a[r*m+k]
			if r == k || f == 0 {
				continue
			}
			for c := range m {
				a[r*m+c] -= float64(f * a[k*m+c])
				inv[r*m+c] -= float64(f * inv[k*m+c])
			}
		}
	}
	return true
}
