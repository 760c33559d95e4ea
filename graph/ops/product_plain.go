package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// productTypes are the dtypes of products in plain Go.
var productTypes = []tensor.DType{tensor.Float64, tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64}

// newPlainProduct is product for a dtype of productTypes.
func newPlainProduct(n *graph.Node, in []graph.Arg, g gemmAttrs) (graph.Kernel, error) {
	e, err := readActivation(n)
	if err != nil {
		return nil, err
	}
	addends := [2]bool{present(in, 2), present(in, 3)}
	switch in[0].DType {
	case tensor.Float64:
		name, _ := n.StringAttr(AttrActivation, "")
		f, err := activationFloat64(name, e.Alpha, e.Beta)
		return &plainProduct[float64]{g, constantsOf(in), addends, f}, err
	case tensor.Int32:
		return integerProductOf[int32](n, in, g, addends)
	case tensor.Int64:
		return integerProductOf[int64](n, in, g, addends)
	case tensor.Uint32:
		return integerProductOf[uint32](n, in, g, addends)
	}
	return integerProductOf[uint64](n, in, g, addends)
}

func integerProductOf[T integer](n *graph.Node, in []graph.Arg, g gemmAttrs, addends [2]bool) (graph.Kernel, error) {
	k := &plainProduct[T]{gemmAttrs: g, constants: constantsOf(in), addends: addends}
	switch name, err := n.StringAttr(AttrActivation, ""); {
	case err != nil:
		return nil, err
	case name == "Relu":
		k.activate = func(v T) T { return max(v, 0) }
	case name != "":
		return nil, unsupported(n, "activation %q of integers", name)
	}
	return k, nil
}

// plainProduct computes act(alpha·A·B + beta·C + residual): one sum over k ascending for each element, every product rounded.
type plainProduct[T number] struct {
	gemmAttrs
	constants
	addends  [2]bool
	activate func(T) T
}

// ScratchBytes implements graph.ScratchKernel: the product where addends stretch it, and C scaled.
func (p *plainProduct[T]) ScratchBytes(args []graph.Arg) int {
	var d productDims
	d.of(args[0].Shape, args[1].Shape, p.transA, p.transB)
	size := multiplied(8, d.len())
	if p.addends[0] && p.beta != 1 {
		c, _ := tensor.Elements(args[2].Shape)
		size += multiplied(8, c)
	}
	return size
}

// Run implements graph.Kernel.
func (p *plainProduct[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var d productDims
	d.of(in[0].Shape, in[1].Shape, p.transA, p.transB)
	y := tensor.Data[T](out[0])
	memory := words[T](scratch)
	dst := y
	if p.addends != [2]bool{} {
		dst, memory = memory[:d.len()], memory[d.len():]
	}
	p.multiply(dst, tensor.Data[T](in[0]), tensor.Data[T](p.input(in, 1)), &d)
	from, shape := dst, d.shape[:d.rank]
	for i, given := range p.addends {
		if !given {
			continue
		}
		values := tensor.Data[T](p.input(in, 2+i))
		if i == 0 && p.beta != 1 {
			scaled := memory[:len(values)]
			for j, v := range values {
				scaled[j] = timesFloat(v, p.beta)
			}
			values = scaled
		}
		broadcast(y, from, values, out[0].Shape, shape, in[2+i].Shape, addPairs[T])
		from, shape = y, out[0].Shape
	}
	if p.activate != nil {
		for i, v := range y {
			y[i] = p.activate(v)
		}
	}
	return nil
}

func addPairs[T number](dst, a, b []T) {
	for i := range dst {
		dst[i] = element(a, i) + element(b, i)
	}
}

// timesFloat is v·by, truncated to an integer.
func timesFloat[T number](v T, by float32) T { return T(float64(v) * float64(by)) }

// multiply computes alpha·A·B over the batch.
func (p *plainProduct[T]) multiply(dst, a, b []T, d *productDims) {
	rowA, stepA, rowB, stepB := d.k, 1, d.n, 1
	if p.transA {
		rowA, stepA = 1, d.m
	}
	if p.transB {
		rowB, stepB = 1, d.k
	}
	clear(dst)
	size := d.m * d.n
	if size == 0 {
		return
	}
	for batch := range len(dst) / size {
		atA, atB := 0, 0
		for i, r := 0, batch; i < d.axes; i++ {
			atA, atB, r = atA+r%d.size[i]*d.a[i], atB+r%d.size[i]*d.b[i], r/d.size[i]
		}
		for i := range d.m {
			row := dst[batch*size+i*d.n:][:d.n]
			for k := range d.k {
				v := a[atA+i*rowA+k*stepA]
				at := atB + k*rowB
				for j := range row {
					row[j] += T(v * b[at+j*stepB])
				}
			}
			if p.alpha != 1 {
				for j, v := range row {
					row[j] = timesFloat(v, p.alpha)
				}
			}
		}
	}
}
