package ops

import (
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// integerArgs are the positions of a product's operands among the inputs of its node: matrices of u8 or s8 and their zero points.
type integerArgs struct{ a, b, zeroA, zeroB int }

// rows holds for products with a matrix on the right and one zero point for all of A.
func (p integerArgs) rows(n *graph.Node, in []graph.Arg, rows []bool) bool {
	if len(in[p.a].Shape) < 2 || len(in[p.b].Shape) > 2 {
		return false
	}
	if present(in, p.zeroA) {
		if z, ok := tensor.Elements(in[p.zeroA].Shape); !ok || z != 1 {
			return false
		}
	}
	return rowsFirst(n, in, rows)
}

// matrixShape is the shape of an operand as a matrix: a vector is a row on the left and a column on the right.
func matrixShape(s []int, left bool) (batch []int, rows, cols int) {
	switch r := len(s); {
	case r > 1:
		return s[:r-2], s[r-2], s[r-1]
	case left:
		return nil, 1, s[0]
	default:
		return nil, s[0], 1
	}
}

// infer checks the operands and returns the shape of the product.
func (p integerArgs) infer(n *graph.Node, in []graph.Arg) ([]int, error) {
	for _, i := range []int{p.a, p.b} {
		if err := wantDType(n, in, i, tensor.Uint8, tensor.Int8); err != nil {
			return nil, err
		}
		if len(in[i].Shape) == 0 {
			return nil, modelErr(n, "input %d is a scalar, expected a matrix", i)
		}
	}
	batchA, m, ka := matrixShape(in[p.a].Shape, true)
	batchB, k, cols := matrixShape(in[p.b].Shape, false)
	if ka != k {
		return nil, modelErr(n, "shapes %v and %v do not multiply", in[p.a].Shape, in[p.b].Shape)
	}
	limit := kernels.MaxKS8
	if present(in, p.zeroB) || in[p.b].DType == tensor.Uint8 {
		limit /= 2 // weights less their zero point have one bit more
	}
	if k > limit {
		return nil, unsupported(n, "%d products per sum, expected at most %d so that s32 cannot overflow", k, limit)
	}
	if err := checkZeroPoint(n, in, p.zeroA, p.a, m, len(batchA) > 0); err != nil {
		return nil, err
	}
	if err := checkZeroPoint(n, in, p.zeroB, p.b, cols, false); err != nil {
		return nil, err
	}
	shape, err := broadcastShape(n, batchA, batchB)
	if err != nil {
		return nil, err
	}
	if len(in[p.a].Shape) > 1 {
		shape = append(shape, m)
	}
	if len(in[p.b].Shape) > 1 {
		shape = append(shape, cols)
	}
	return shape, nil
}

// checkZeroPoint checks that zero point zero of operand of is one number, or one for each of n rows or columns.
func checkZeroPoint(n *graph.Node, in []graph.Arg, zero, of, count int, single bool) error {
	if !present(in, zero) {
		return nil
	}
	if in[zero].DType != in[of].DType {
		return modelErr(n, "zero point of %s for %s", in[zero].DType, in[of].DType)
	}
	if z, ok := tensor.Elements(in[zero].Shape); !ok || z != 1 && (z != count || single) {
		return unsupported(n, "zero point of shape %v for shape %v, expected one element or %d", in[zero].Shape, in[of].Shape, count)
	}
	return nil
}

// integerProduct is a prepared product.
type integerProduct struct {
	integerArgs
	pool    *kernels.Pool
	packed  *kernels.PackedS8 // a constant matrix B; else nil
	zero    []int32           // a constant zero point of B, one a column; nil where it is zero
	dynamic bool              // the zero point of B is not constant
}

func newIntegerProduct(p integerArgs, in []graph.Arg, pool *kernels.Pool) *integerProduct {
	q := &integerProduct{integerArgs: p, pool: pool, dynamic: present(in, p.zeroB) && !hasConst(in, p.zeroB)}
	batch, k, cols := matrixShape(in[p.b].Shape, false)
	if hasConst(in, p.b) && len(batch) == 0 {
		q.packed = new(kernels.PackedS8)
		q.packed.Pack(k, cols, in[p.b].Const.Bytes, in[p.b].DType == tensor.Int8, cols, 1)
	}
	if !q.dynamic && (hasConst(in, p.zeroB) || in[p.b].DType == tensor.Uint8) {
		var given *tensor.Tensor
		if hasConst(in, p.zeroB) {
			given = in[p.zeroB].Const
		}
		z := make([]int32, cols)
		if q.readZeroB(z, given, in[p.b].DType) {
			q.zero = z
		}
	}
	return q
}

// readZeroB widens the zero point of B, nil for none, to one a column of the matrix that is packed, and reports whether one is not 0.
func (p *integerProduct) readZeroB(z []int32, given *tensor.Tensor, dtype tensor.DType) (any bool) {
	for j := range z {
		v := int32(0)
		if given != nil {
			v = zeroPoint(given, j)
		}
		if dtype == tensor.Uint8 { // packed 128 smaller
			v -= 128
		}
		z[j] = v
		any = any || v != 0
	}
	return any
}

// zeroPoint reads element i of a zero point, or the one that stands for all.
func zeroPoint(t *tensor.Tensor, i int) int32 {
	if len(t.Bytes) == 1 {
		i = 0
	}
	if t.DType == tensor.Int8 {
		return int32(int8(t.Bytes[i]))
	}
	return int32(t.Bytes[i])
}

// scratchBytes is the memory run needs: zero points of A and B, and B packed.
func (p *integerProduct) scratchBytes(args []graph.Arg) int {
	_, m, _ := matrixShape(args[p.a].Shape, true)
	_, k, cols := matrixShape(args[p.b].Shape, false)
	bytes := 4 * (m + cols)
	if p.packed == nil {
		bytes += 4*cols + kernels.PackedS8Bytes(k, cols)
	}
	return bytes
}

// run multiplies into out.
func (p *integerProduct) run(in []*tensor.Tensor, out []int32, scratch []byte) {
	a, b := in[p.a], in[p.b]
	batchA, m, k := matrixShape(a.Shape, true)
	batchB, _, cols := matrixShape(b.Shape, false)
	if len(out) == 0 {
		return
	}
	var zero kernels.ZeroPoints
	ints := tensor.Tensor{DType: tensor.Int32, Bytes: scratch[:4*(m+cols)]}
	zeros := tensor.Data[int32](&ints)
	if p.zeroA < len(in) && in[p.zeroA] != nil {
		zero.A = zeros[:len(in[p.zeroA].Bytes)]
		for i := range zero.A {
			zero.A[i] = zeroPoint(in[p.zeroA], i)
		}
	}
	zero.B = p.zero
	if p.dynamic && p.readZeroB(zeros[m:], in[p.zeroB], b.DType) {
		zero.B = zeros[m:]
	}
	signed := a.DType == tensor.Int8
	if p.packed != nil { // every axis of A but the last is rows
		if len(zero.A) > 1 {
			zero.A = zero.A[:m]
		}
		kernels.GemmInteger(p.pool, len(out)/cols, a.Bytes, k, signed, p.packed, out, cols, zero)
		return
	}
	packed := packs.Get().(*kernels.PackedS8)
	sums := tensor.Tensor{DType: tensor.Int32, Bytes: scratch[4*(m+cols):][:4*cols]}
	codes := tensor.Tensor{DType: tensor.Int8, Bytes: scratch[4*(m+2*cols):]}
	packed.ColSum, packed.Data = tensor.Data[int32](&sums), tensor.Data[int8](&codes)
	last := -1
	rank := max(len(batchA), len(batchB))
	for i := range len(out) / (m * cols) {
		at, bt := batchOffset(i, rank, batchA, batchB), batchOffset(i, rank, batchB, batchA)
		if bt != last {
			packed.Pack(k, cols, b.Bytes[bt*k*cols:][:k*cols], b.DType == tensor.Int8, cols, 1)
			last = bt
		}
		kernels.GemmInteger(p.pool, m, a.Bytes[at*m*k:][:m*k], k, signed, packed, out[i*m*cols:][:m*cols], cols, zero)
	}
	packed.Data, packed.ColSum = nil, nil
	packs.Put(packed)
}

var packs = sync.Pool{New: func() any { return new(kernels.PackedS8) }}

// batchOffset returns which matrix of an operand with batch axes s meets the i-th one of the result, the other operand having
// batch axes other; rank is that of the longer.
func batchOffset(i, rank int, s, other []int) int {
	at, step := 0, 1
	for fromEnd := 1; fromEnd <= rank; fromEnd++ {
		d := dimFromEnd(s, fromEnd)
		size := max(d, dimFromEnd(other, fromEnd))
		if d != 1 {
			at += i % size * step
			step *= d
		}
		i /= size
	}
	return at
}
