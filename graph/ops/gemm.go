package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opGemm is Y = A·B + C. A constant B is packed once. alpha and beta other than 1 scale B and C, once where they are constants.
// opFusedGemm has an activation in its epilogue and, as input 3, a residual that is added before.
var (
	opGemm      = &Op{Name: "gemm", Type: "Gemm", Since: 6, MinInputs: 2, Infer: inferGemm, Build: buildGemm, Rows: rowsGemm, Packs: packsMatrix, Depth: lastAxis, Grad: gemmGrad}
	opFusedGemm = &Op{Name: "gemm", Domain: graph.DomainFused, Type: "Gemm", MinInputs: 2, Infer: inferGemm, Build: buildGemm, Rows: rowsGemm, Packs: packsMatrix, Depth: lastAxis}
)

type gemmAttrs struct {
	transA, transB bool
	alpha, beta    float32
}

func readGemmAttrs(n *graph.Node) (g gemmAttrs, err error) {
	var ta, tb int64
	if ta, err = n.IntAttr("transA", 0); err != nil {
		return g, err
	}
	if tb, err = n.IntAttr("transB", 0); err != nil {
		return g, err
	}
	if g.alpha, err = n.FloatAttr("alpha", 1); err != nil {
		return g, err
	}
	if g.beta, err = n.FloatAttr("beta", 1); err != nil {
		return g, err
	}
	g.transA, g.transB = ta != 0, tb != 0
	return g, nil
}

func inferGemm(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := productInputs(n, in, 3); err != nil {
		return nil, err
	}
	g, err := readGemmAttrs(n)
	if err != nil {
		return nil, err
	}
	if len(in[0].Shape) != 2 || len(in[1].Shape) != 2 {
		return nil, modelErr(n, "shapes %v and %v, expected two matrices", in[0].Shape, in[1].Shape)
	}
	rows, depth, side := in[0].Shape[0], in[0].Shape[1], "columns"
	if g.transA {
		rows, depth, side = depth, rows, "rows"
	}
	k, cols := in[1].Shape[0], in[1].Shape[1]
	if g.transB {
		k, cols = cols, k
	}
	if depth != k {
		return nil, modelErr(n, "A is %v, expected %d %s", in[0].Shape, k, side)
	}
	shape := []int{rows, cols}
	if present(in, 2) {
		if out, err := broadcastShape(n, shape, in[2].Shape); err != nil || !slices.Equal(out, shape) {
			return nil, modelErr(n, "C has shape %v, expected one that stretches to %v", in[2].Shape, shape)
		}
	}
	return productShape(n, in, shape, 3)
}

// productInputs checks the number and types of inputs; fused operators have one more.
func productInputs(n *graph.Node, in []graph.Arg, most int) error {
	if n.Domain == graph.DomainFused {
		most = 4
	}
	if err := arity(n, in, 2, most); err != nil {
		return err
	}
	for i := range in {
		if !present(in, i) {
			continue
		}
		if err := wantDType(n, in, i, append([]tensor.DType{tensor.Float32}, productTypes...)...); err != nil {
			return err
		}
		if in[i].DType != in[0].DType {
			return modelErr(n, "inputs are %s and %s", in[0].DType, in[i].DType)
		}
	}
	return nil
}

// productShape is the product's shape stretched by the addends from input i on.
func productShape(n *graph.Node, in []graph.Arg, shape []int, i int) ([]graph.Arg, error) {
	for ; i < len(in); i++ {
		if !present(in, i) {
			continue
		}
		var err error
		if shape, err = broadcastShape(n, shape, in[i].Shape); err != nil {
			return nil, err
		}
	}
	return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
}

func buildGemm(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	g, err := readGemmAttrs(n)
	if err != nil {
		return nil, err
	}
	return buildProduct(n, in, pool, g)
}

func buildProduct(n *graph.Node, in []graph.Arg, pool *kernels.Pool, g gemmAttrs) (graph.Kernel, error) {
	if in[0].DType != tensor.Float32 {
		return newPlainProduct(n, in, g)
	}
	return newProduct(n, in, pool, g)
}

func scaled(v []float32, by float32) []float32 {
	if by == 1 {
		return v
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x * by
	}
	return out
}

// rowVector stretches a row of one element to n.
func rowVector(v []float32, n int) []float32 {
	if len(v) == n {
		return v
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = v[0]
	}
	return out
}

// rowsGemm holds where the rows are those of A, and of addends that are stretched along no rows or have them.
func rowsGemm(n *graph.Node, in []graph.Arg, rows []bool) bool {
	g, err := readGemmAttrs(n)
	return err == nil && !g.transA && rows[0] && !rows[1] && rowsOfAddends(in[0].Shape, in, rows)
}

// rowsOfAddends is rowsElementwise for the addends of a product of shape's rank.
func rowsOfAddends(shape []int, in []graph.Arg, rows []bool) bool {
	for i := 2; i < len(in); i++ {
		s := in[i].Shape
		if !present(in, i) {
			continue
		}
		if rows[i] && len(s) != len(shape) || len(s) > len(shape) || !rows[i] && len(s) == len(shape) && s[0] != 1 {
			return false
		}
	}
	return true
}
