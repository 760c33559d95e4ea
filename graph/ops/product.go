package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// product is the kernel of Gemm and MatMul: act(alpha·A·B + beta·C + residual), the last three optional.
type product struct {
	gemmAttrs
	pool     *kernels.Pool
	cols     int                 // of a constant B; 0: it is none
	packed   *kernels.PackedF32  // a constant B; nil: bf16 or input 1
	bf16     *kernels.PackedBF16 // a constant B in the fast mode
	bias     []float32           // a constant C that is one row
	addends  [2]addend           // C, unless it is bias, and the residual
	epilogue kernels.Epilogue    // the activation
	// factors holds alpha and beta where B and C are scaled in each run.
	factors []float32
}

func newProduct(n *graph.Node, in []graph.Arg, pool *kernels.Pool, g gemmAttrs) (*product, error) {
	e, err := readActivation(n)
	p := &product{gemmAttrs: g, pool: pool, epilogue: e, addends: [2]addend{newAddend(in, 2), newAddend(in, 3)}}
	if hasConst(in, 1) && len(in[1].Shape) <= 2 {
		b, k, cols := scaled(tensor.Data[float32](in[1].Const), g.alpha), in[1].Shape[0], 1
		if len(in[1].Shape) == 2 {
			cols = in[1].Shape[1]
		}
		rowStride, colStride := cols, 1
		if g.transB {
			k, cols, rowStride, colStride = cols, k, 1, cols
		}
		p.alpha, p.cols = 1, cols
		at := kernels.Place(in[1].Place)
		if g.alpha != 1 {
			at = nil // b is not the constant
		}
		if fastMode(n) {
			p.bf16 = kernels.PackBF16At(at, k, cols, b, rowStride, colStride)
		} else {
			p.packed = kernels.PackF32At(at, k, cols, b, rowStride, colStride)
		}
	}
	if fastMode(n) && p.bf16 == nil {
		return nil, unsupported(n, "B that is not a constant matrix")
	}
	if hasConst(in, 2) {
		p.setC(tensor.Of(scaled(tensor.Data[float32](in[2].Const), g.beta), in[2].Shape...))
		p.beta = 1
	}
	p.factors = []float32{p.alpha, p.beta}
	return p, err
}

// setC gives C a constant value. A row becomes the bias, stretched where it is one element.
func (p *product) setC(c *tensor.Tensor) {
	p.addends[0].fixed = c
	if p.cols == 0 || len(c.Shape) > 2 {
		return
	}
	if cols := p.cols; c.Len() == 1 || c.Len() == cols && dimFromEnd(c.Shape, 1) == cols {
		p.bias = rowVector(tensor.Data[float32](c), cols)
		p.addends[0] = addend{input: -1}
	}
}

// ScratchBytes implements graph.ScratchKernel: the product where addends stretch it, then B and C scaled.
func (p *product) ScratchBytes(args []graph.Arg) int {
	var d productDims
	d.of(args[0].Shape, args[1].Shape, p.transA, p.transB)
	count := d.len()
	size, result := 0, d.shape[:d.rank]
	for _, x := range p.addends {
		if !x.none() {
			result, _ = broadcastShape(&graph.Node{}, result, args[x.input].Shape) // checked by Infer
		}
	}
	if n, _ := tensor.Elements(result); n != count {
		size += count
	}
	if p.cols == 0 && p.alpha != 1 {
		n, _ := tensor.Elements(args[1].Shape)
		size += n
	}
	if c := p.addends[0]; !c.none() && p.beta != 1 {
		n, _ := tensor.Elements(args[c.input].Shape)
		size += n
	}
	return 4 * size
}

// Run implements graph.Kernel. What the epilogue has no form for follows as separate passes over the result.
func (p *product) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var d productDims
	d.of(in[0].Shape, in[1].Shape, p.transA, p.transB)
	memory, y := floats(scratch), tensor.Data[float32](out[0])
	dst := y
	if d.len() != len(y) {
		dst, memory = memory[:d.len()], memory[d.len():]
	}
	m := kernels.MatMul{
		M: d.m, N: d.n, K: d.k, A: tensor.Data[float32](in[0]), LDA: d.k, TransA: p.transA, LDB: d.n, TransB: p.transB, Packed: p.packed, BF16: p.bf16, C: dst, LDC: d.n, Bias: p.bias,
	}
	if p.transA {
		m.LDA = d.m
	}
	if p.transB {
		m.LDB = d.k
	}
	if p.packed == nil && p.bf16 == nil {
		m.B = tensor.Data[float32](in[1])
		if p.alpha != 1 {
			m.B, memory = scaledInto(memory, m.B, p.factors[:1])
		}
	}
	// Addends as bias and residual, as long as they fit.
	left := 0
	var values [2][]float32
	for i, x := range p.addends {
		if x.none() {
			if left == i {
				left++
			}
			continue
		}
		t := x.tensor(in)
		values[i] = tensor.Data[float32](t)
		if i == 0 && p.beta != 1 {
			values[0], memory = scaledInto(memory, values[0], p.factors[1:])
		}
		row, col, ok := residualStrides(d.shape[:d.rank], t.Shape)
		if left < i || !ok || d.vector || len(dst) != len(y) || m.Epilogue.Residual != nil {
			continue
		}
		if row == 0 && col == 1 && m.Bias == nil {
			m.Bias = values[i]
		} else {
			m.Epilogue.Residual, m.Epilogue.ResidualRow, m.Epilogue.ResidualCol = values[i], row, col
		}
		left++
	}
	if left == len(p.addends) {
		m.Epilogue.Act, m.Epilogue.Alpha, m.Epilogue.Beta = p.epilogue.Act, p.epilogue.Alpha, p.epilogue.Beta
	}
	d.run(p.pool, &m)
	if left == len(p.addends) {
		return nil
	}
	from, shape := dst, d.shape[:d.rank]
	for i := left; i < len(p.addends); i++ {
		if x := p.addends[i]; !x.none() {
			broadcast(y, from, values[i], out[0].Shape, shape, x.tensor(in).Shape, kernels.AddF32)
			from, shape = y, out[0].Shape
		}
	}
	p.epilogue.Activate(y)
	return nil
}

// scaledInto writes x·by to memory and returns it with the rest of memory.
func scaledInto(memory, x, by []float32) (y, rest []float32) {
	y = memory[:len(x)]
	kernels.MulF32(y, x, by)
	return y, memory[len(x):]
}

// productDims is the shape of a product: matrices of m×k and k×n, and the axes of the batch, of which those that lie evenly in both
// operands are merged.
type productDims struct {
	m, n, k int
	vector  bool // B is a vector, so that the result lacks the axis n
	rank    int
	shape   [kernels.MaxAxes]int // of the result
	axes    int
	size    [kernels.MaxAxes]int
	a, b    [kernels.MaxAxes]int // distances in elements, 0 where an operand is stretched
}

// of works out shapes that Infer has checked.
func (d *productDims) of(a, b []int, transA, transB bool) {
	d.m, d.k, d.n, d.vector = dimFromEnd(a, 2), dimFromEnd(a, 1), dimFromEnd(b, 1), len(b) == 1
	if transA {
		d.m, d.k = d.k, d.m
	}
	if transB {
		d.n = dimFromEnd(b, 2)
	}
	if d.vector {
		d.n = 1
	}
	stepA, stepB := 1, 1
	for fromEnd := max(len(a), len(b)); fromEnd > 2; fromEnd-- {
		size := dimFromEnd(a, fromEnd)
		if size == 1 {
			size = dimFromEnd(b, fromEnd)
		}
		d.add(size)
	}
	if len(a) > 1 {
		d.add(d.m)
	}
	if !d.vector {
		d.add(d.n)
	}
	for fromEnd := 3; fromEnd <= max(len(a), len(b)); fromEnd++ {
		da, db := dimFromEnd(a, fromEnd), dimFromEnd(b, fromEnd)
		d.axis(da, db, stepA*d.m*d.k, stepB*d.k*d.n)
		stepA, stepB = stepA*da, stepB*db
	}
}

func (d *productDims) add(size int) {
	d.shape[d.rank] = size
	d.rank++
}

// axis adds the next outer axis of the batch.
func (d *productDims) axis(da, db, stepA, stepB int) {
	size := da
	if da == 1 {
		size, stepA = db, 0
	}
	if db == 1 {
		stepB = 0
	}
	if size == 1 {
		return
	}
	if i := d.axes - 1; i >= 0 && stepA == d.a[i]*d.size[i] && stepB == d.b[i]*d.size[i] {
		d.size[i] *= size
		return
	}
	d.size[d.axes], d.a[d.axes], d.b[d.axes] = size, stepA, stepB
	d.axes++
}

// len is the number of elements of the result.
func (d *productDims) len() int {
	n := 1
	for _, s := range d.shape[:d.rank] {
		n *= s
	}
	return n
}

// run computes the batch, the innermost axis by one call.
func (d *productDims) run(pool *kernels.Pool, m *kernels.MatMul) {
	m.Batch = 1
	m.StrideC, m.StrideResidual = d.m*d.n, d.m*m.Epilogue.ResidualRow
	outer := 1
	for i, size := range d.size[:d.axes] {
		if i == 0 {
			m.Batch, m.StrideA, m.StrideB = size, d.a[0], d.b[0]
		} else {
			outer *= size
		}
	}
	if m.Batch == 0 || outer == 0 {
		return
	}
	a, b, c, residual := m.A, m.B, m.C, m.Epilogue.Residual
	for o := range outer {
		atA, atB := 0, 0
		for i, r := 1, o; i < d.axes; i++ {
			atA, atB, r = atA+r%d.size[i]*d.a[i], atB+r%d.size[i]*d.b[i], r/d.size[i]
		}
		m.A, m.C = a[atA:], c[o*m.Batch*m.StrideC:]
		if b != nil {
			m.B = b[atB:]
		}
		if residual != nil {
			m.Epilogue.Residual = residual[o*m.Batch*m.StrideResidual:]
		}
		kernels.MatMulF32(pool, m)
	}
}
