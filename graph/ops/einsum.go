package ops

import (
	"cmp"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opEinsum sums products of elements over the labels that the output does not have. Operands are combined from left to right. Labels of
// one operand alone that nothing after it has are summed first, as ReduceSum does; the rest is a batch of products of matrices, as MatMul
// computes it, or where neither operand has a label of its own, products of elements that are summed as ReduceSum does.
var opEinsum = viaFloat32(&Op{
	Name: "einsum", Type: "Einsum", Since: 12,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		e, err := readEquation(n, in)
		return err == nil && e.rows(in, rows)
	},
	Infer: inferEinsum,
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		e, err := readEquation(n, in)
		if err != nil {
			return nil, err
		}
		p, err := e.plan(n)
		if err != nil {
			return nil, err
		}
		switch d := in[0].DType; d {
		case tensor.Float32:
			return &einsumKernel[float32]{p, d, float32Sums(pool)}, nil
		case tensor.Float64:
			return &einsumKernel[float64]{p, d, plainSums[float64]()}, nil
		case tensor.Int8:
			return &einsumKernel[int8]{p, d, plainSums[int8]()}, nil
		case tensor.Int16:
			return &einsumKernel[int16]{p, d, plainSums[int16]()}, nil
		case tensor.Int32:
			return &einsumKernel[int32]{p, d, plainSums[int32]()}, nil
		case tensor.Int64:
			return &einsumKernel[int64]{p, d, plainSums[int64]()}, nil
		case tensor.Uint8:
			return &einsumKernel[uint8]{p, d, plainSums[uint8]()}, nil
		case tensor.Uint16:
			return &einsumKernel[uint16]{p, d, plainSums[uint16]()}, nil
		case tensor.Uint32:
			return &einsumKernel[uint32]{p, d, plainSums[uint32]()}, nil
		default:
			return &einsumKernel[uint64]{p, d, plainSums[uint64]()}, nil
		}
	},
})

// einsumPlan is the order of work, which follows from the equation alone.
type einsumPlan struct {
	equation
	steps []einsumStep // one per operand but the first
	last  arrangement  // of the result, or of the only operand
}

// einsumStep combines what is there with the next operand.
type einsumStep struct {
	left, right arrangement
	batch, k    []int // labels of both operands, kept and summed
	m, n        []int // labels of one operand
	transB      bool  // right lies as [batch, n, k]
	result      []int
}

// arrangement brings the axes of an operand in the order of to, whose last labels are summed.
type arrangement struct {
	from, to []int
	sum      int
}

func (a *arrangement) kept() []int   { return a.to[:len(a.to)-a.sum] }
func (a *arrangement) summed() []int { return a.to[len(a.to)-a.sum:] }

func (e *equation) plan(n *graph.Node) (*einsumPlan, error) {
	p := &einsumPlan{equation: *e}
	have := e.terms[0]
	for i, next := range e.terms[1:] {
		kept := slices.Concat(append(slices.Clone(e.terms[i+2:]), e.out)...)
		s := einsumStep{}
		var sumA, sumB []int
		for _, l := range distinct(have) {
			switch inNext, keep := slices.Contains(next, l), slices.Contains(kept, l); {
			case inNext && keep:
				s.batch = append(s.batch, l)
			case inNext:
				s.k = append(s.k, l)
			case keep:
				s.m = append(s.m, l)
			default:
				sumA = append(sumA, l)
			}
		}
		for _, l := range distinct(next) {
			switch {
			case slices.Contains(have, l):
			case slices.Contains(kept, l):
				s.n = append(s.n, l)
			default:
				sumB = append(sumB, l)
			}
		}
		for _, labels := range [][]int{s.batch, s.m, s.n} {
			slices.SortFunc(labels, func(a, b int) int { return cmp.Compare(e.place(a), e.place(b)) })
		}
		s.left = arrangement{have, slices.Concat(s.batch, s.m, s.k, sumA), len(sumA)}
		s.right = arrangement{next, slices.Concat(s.batch, s.k, s.n, sumB), len(sumB)}
		if lying := slices.Concat(s.batch, s.n, s.k); slices.Equal(lying, next) {
			s.right.to, s.transB = lying, true
		}
		s.result = slices.Concat(s.batch, s.m, s.n)
		if axes := max(len(s.left.to), len(s.right.to), len(s.result)); axes > kernels.MaxAxes {
			return nil, unsupported(n, "products of %d axes, expected at most %d", axes, kernels.MaxAxes)
		}
		p.steps = append(p.steps, s)
		have = s.result
	}
	p.last = arrangement{have, slices.Clone(e.out), 0}
	for _, l := range distinct(have) {
		if !slices.Contains(e.out, l) {
			p.last.to = append(p.last.to, l)
			p.last.sum++
		}
	}
	return p, nil
}

// place orders labels as the output has them, those it does not have behind.
func (e *equation) place(label int) int {
	if at := slices.Index(e.out, label); at >= 0 {
		return at
	}
	return len(e.out) + label
}

func distinct(labels []int) []int {
	var d []int
	for _, l := range labels {
		if !slices.Contains(d, l) {
			d = append(d, l)
		}
	}
	return d
}

// sums are the operations of one dtype.
type sums[T number] struct {
	multiply func(dst, a, b []T)
	sum      func(dst, x []T, n int) // rows of n
	matmul   func(dst, a, b []T, batch, m, n, k int, transB bool)
}

func float32Sums(pool *kernels.Pool) sums[float32] {
	return sums[float32]{
		multiply: kernels.MulF32,
		sum: func(dst, x []float32, n int) {
			kernels.ReduceF32(kernels.ReduceSum, dst, x, len(dst), n, 1, nil)
		},
		matmul: func(dst, a, b []float32, batch, m, n, k int, transB bool) {
			p := kernels.MatMul{M: m, N: n, K: k, A: a, LDA: k, B: b, LDB: n, TransB: transB, C: dst, LDC: n, Batch: batch,
				StrideA: m * k, StrideB: k * n, StrideC: m * n}
			if transB {
				p.LDB = k
			}
			kernels.MatMulF32(pool, &p)
		},
	}
}

func plainSums[T number]() sums[T] {
	return sums[T]{
		multiply: func(dst, a, b []T) {
			for i := range dst {
				dst[i] = a[i] * b[i]
			}
		},
		sum: func(dst, x []T, n int) {
			for i := range dst {
				var s T
				for _, v := range x[i*n : (i+1)*n] {
					s += v
				}
				dst[i] = s
			}
		},
		matmul: func(dst, a, b []T, batch, m, n, k int, transB bool) {
			row, col := n, 1
			if transB {
				row, col = 1, k
			}
			for t := range batch {
				for i := range m {
					for j := range n {
						var s T
						for l := range k {
							s += T(a[(t*m+i)*k+l] * b[t*k*n+l*row+j*col])
						}
						dst[(t*m+i)*n+j] = s
					}
				}
			}
		},
	}
}

// einsumKernel runs a plan on elements of one dtype.
type einsumKernel[T number] struct {
	*einsumPlan
	dtype tensor.DType
	ops   sums[T]
}

// product is the number of elements along labels; beyond every limit where it overflows.
func (d *labelSizes) product(labels []int) int {
	n := 1
	for _, l := range labels {
		switch size := d[l]; {
		case size == 0:
			return 0
		case n > math.MaxInt/64/size:
			n = math.MaxInt / 64
		default:
			n *= size
		}
	}
	return n
}

// ScratchBytes implements graph.ScratchKernel: arranged operands, what is left of them once summed, products and results.
func (k *einsumKernel[T]) ScratchBytes(args []graph.Arg) int {
	var d labelSizes
	k.sizes(&d, func(i int) []int { return args[i].Shape })
	total := 0
	add := func(labels []int) { total = min(total+d.product(labels), math.MaxInt/64) }
	arranged := func(a *arrangement) {
		add(a.to)
		if a.sum > 0 {
			add(a.kept())
		}
	}
	for i := range k.steps {
		s := &k.steps[i]
		arranged(&s.left)
		arranged(&s.right)
		add(s.result)
		if len(s.m)+len(s.n) == 0 {
			add(s.left.kept())
		}
	}
	arranged(&k.last)
	return total * k.dtype.Size()
}

// Run implements graph.Kernel.
func (k *einsumKernel[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	r := einsumRun[T]{einsumKernel: k, memory: scratch}
	r.sizes(&r.dims, func(i int) []int { return in[i].Shape })
	if len(out[0].Bytes) == 0 {
		return nil
	}
	have, shape := in[0].Bytes, in[0].Shape
	for i := range k.steps {
		s := &k.steps[i]
		a := r.view(r.arrange(&s.left, have, shape))
		b := r.view(r.arrange(&s.right, in[i+1].Bytes, in[i+1].Shape))
		depth := r.dims.product(s.k)
		have, shape = r.take(s.result), nil
		if y := r.view(have); len(s.m)+len(s.n) > 0 {
			k.ops.matmul(y, a, b, r.dims.product(s.batch), r.dims.product(s.m), r.dims.product(s.n), depth, s.transB)
		} else {
			products := r.view(r.take(s.left.kept()))
			k.ops.multiply(products, a, b)
			k.ops.sum(y, products, depth)
		}
	}
	copy(out[0].Bytes, r.arrange(&k.last, have, shape))
	return nil
}

// einsumRun is the state of one run. Values are bytes, since that is what a kernels.View copies.
type einsumRun[T number] struct {
	*einsumKernel[T]
	dims   labelSizes
	memory []byte
}

func (r *einsumRun[T]) view(b []byte) []T {
	t := tensor.Tensor{DType: r.dtype, Bytes: b}
	return tensor.Data[T](&t)
}

// take cuts room for the elements along labels off the scratch memory.
func (r *einsumRun[T]) take(labels []int) []byte {
	n := r.dims.product(labels) * r.dtype.Size()
	x := r.memory[:n]
	r.memory = r.memory[n:]
	return x
}

// arrange returns x, of the given shape or nil for that of its labels, in the order of a. x itself where it lies so already.
func (r *einsumRun[T]) arrange(a *arrangement, x []byte, shape []int) []byte {
	var steps [maxLabels]int
	step, asItIs := 1, slices.Equal(a.from, a.to)
	for axis := len(a.from) - 1; axis >= 0; axis-- {
		l := a.from[axis]
		size := r.dims[l]
		if shape != nil {
			size = shape[axis]
		}
		if size == r.dims[l] {
			steps[l] += step
		} else {
			asItIs = false // 1, which stretches
		}
		step *= size
	}
	if !asItIs {
		v := kernels.View{Size: r.dtype.Size()}
		for _, l := range a.to {
			v.Axis(r.dims[l], steps[l])
		}
		y := r.take(a.to)
		kernels.CopyView(y, x, &v)
		x = y
	}
	if a.sum == 0 {
		return x
	}
	y := r.take(a.kept())
	r.ops.sum(r.view(y), r.view(x), r.dims.product(a.summed()))
	return y
}
