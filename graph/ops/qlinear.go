package ops

import (
	"slices"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Quantised elementwise operators: onnxruntime's contrib operators on u8 or s8 with constant scales and zero points. The sums and
// products are rounded as kernels.QAdd and kernels.QMul say. Those of the domain "hotpath", made by graph/passes, take u8 and may have
// limits "lo" and "hi".
var (
	opQLinearAdd = qbinaryOp("qlinear_add", graph.DomainMicrosoft, "QLinearAdd", buildQAdd)
	opQLinearMul = qbinaryOp("qlinear_mul", graph.DomainMicrosoft, "QLinearMul", buildQMul)
	opQAdd       = qbinaryOp("qadd", graph.DomainFused, "QAdd", buildQAdd)
	opQMul       = qbinaryOp("qmul", graph.DomainFused, "QMul", buildQMul)

	opQLinearSigmoid = qunaryOp("qlinear_sigmoid", "QLinearSigmoid", func(*graph.Node) (func(dst, x []float32), error) { return kernels.SigmoidF32, nil })
	opQLinearLeaky   = qunaryOp("qlinear_leaky_relu", "QLinearLeakyRelu", func(n *graph.Node) (func(dst, x []float32), error) {
		alpha, err := n.FloatAttr("alpha", 0.01)
		return func(dst, x []float32) { kernels.LeakyReluF32(dst, x, alpha) }, err
	})

	// opQTable maps a u8 value through a constant table of 256, input 1.
	opQTable = &Op{Name: "qtable", Domain: graph.DomainFused, Type: "QTable", MinInputs: 2, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 2, 2); err != nil {
				return nil, err
			}
			if !hasConst(in, 1) || in[1].DType != tensor.Uint8 || in[1].Const.Len() != 256 || in[0].DType != tensor.Uint8 {
				return nil, modelErr(n, "%s through a table of %s %v", in[0].DType, in[1].DType, in[1].Shape)
			}
			return []graph.Arg{{DType: tensor.Uint8, Shape: in[0].Shape}}, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			return tableKernel(tensor.Data[uint8](in[1].Const)), nil
		},
	}
)

func tableKernel(table []uint8) graph.Kernel {
	return kernelFunc(func(in, out []*tensor.Tensor) error {
		kernels.LookupU8(out[0].Bytes, in[0].Bytes, table)
		return nil
	})
}

// qpair is a kernel of two u8 operands of as many elements.
type qpair func(dst, a, b []uint8)

// qbinaryOp has inputs a, its scale and zero point, b with the same, scale and zero point of the result.
func qbinaryOp(name, domain, opType string, build func(n *graph.Node, a, b, y quantScalar) (qpair, error)) *Op {
	return &Op{Name: name, Domain: domain, Type: opType, Since: 1, MinInputs: 7,
		RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
			return rowsElementwise(n, []graph.Arg{in[0], in[3]}, out, []int{axes[0], axes[3]})
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 7, 8); err != nil {
				return nil, err
			}
			if err := wantDType(n, in, 0, tensor.Uint8, tensor.Int8); err != nil {
				return nil, err
			}
			if in[3].DType != in[0].DType {
				return nil, modelErr(n, "inputs are %s and %s", in[0].DType, in[3].DType)
			}
			shape, err := broadcastShape(n, in[0].Shape, in[3].Shape)
			return []graph.Arg{{DType: in[0].DType, Shape: shape}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			var q [3]quantScalar
			for i := range q {
				var err error
				if q[i], err = readQuantScalar(n, in, []int{1, 4, 6}[i], []int{2, 5, 7}[i], in[0].DType); err != nil {
					return nil, err
				}
			}
			run, err := build(n, q[0], q[1], q[2])
			if err != nil {
				return nil, err
			}
			flip := q[0].flip
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				broadcast(out[0].Bytes, in[0].Bytes, in[3].Bytes, out[0].Shape, in[0].Shape, in[3].Shape, func(dst, a, b []uint8) { run.blocks(dst, a, b, flip) })
				return nil
			}), nil
		},
	}
}

var qblocks = sync.Pool{New: func() any { return new([2][1024]uint8) }}

// blocks calls f on 1024 elements at once, with s8 operands shifted and single elements repeated.
func (f qpair) blocks(dst, a, b []uint8, flip uint8) {
	if flip == 0 && len(a) == len(dst) && len(b) == len(dst) {
		f(dst, a, b)
		return
	}
	borrowed := qblocks.Get().(*[2][1024]uint8)
	defer qblocks.Put(borrowed)
	ma, mb := &borrowed[0], &borrowed[1]
	for len(dst) > 0 {
		n := min(len(dst), len(ma))
		for i := range n {
			ma[i], mb[i] = element(a, i)^flip, element(b, i)^flip
		}
		f(dst[:n], ma[:n], mb[:n])
		flipped(dst[:n], dst[:n], flip)
		dst = dst[n:]
		if len(a) > 1 {
			a = a[n:]
		}
		if len(b) > 1 {
			b = b[n:]
		}
	}
}

func buildQAdd(n *graph.Node, a, b, y quantScalar) (qpair, error) {
	p := &kernels.QAdd{ZeroA: a.zero, ZeroB: b.zero, ZeroPoint: y.zero,
		MultA: float32(float64(a.scale) / float64(y.scale)), MultB: float32(float64(b.scale) / float64(y.scale))}
	var err error
	p.Lo, p.Hi, err = clampAttrs(n)
	return func(dst, a, b []uint8) { kernels.QAddU8(dst, a, b, p) }, err
}

func buildQMul(n *graph.Node, a, b, y quantScalar) (qpair, error) {
	p := &kernels.QMul{ZeroA: a.zero, ZeroB: b.zero, Mult: float32(float64(a.scale) * float64(b.scale) / float64(y.scale)), ZeroPoint: y.zero}
	var err error
	p.Lo, p.Hi, err = clampAttrs(n)
	return func(dst, a, b []uint8) { kernels.QMulU8(dst, a, b, p) }, err
}

// qtable is the table of a function of one value: dequantised, f applied in f32, quantised with a division.
func qtable(x, y quantScalar, f func(dst, x []float32)) []uint8 {
	var values [256]float32
	bytes, table := make([]uint8, 256), make([]uint8, 256)
	for i := range bytes {
		bytes[i] = uint8(i) ^ x.flip
	}
	kernels.DequantizeU8(values[:], bytes, x.scale, uint8(x.zero))
	f(values[:], values[:])
	kernels.QuantizeU8(table, values[:], y.scale, uint8(y.zero))
	return flipped(table, table, y.flip)
}

// qunaryOp has inputs x, its scale and zero point, scale and zero point of the result, whose dtype is x's. Its kernel is a table.
func qunaryOp(name, opType string, f func(*graph.Node) (func(dst, x []float32), error)) *Op {
	return &Op{Name: name, Domain: graph.DomainMicrosoft, Type: opType, Since: 1, MinInputs: 4, Rows: rowsFirst,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 5); err != nil {
				return nil, err
			}
			err := wantDType(n, in, 0, tensor.Uint8, tensor.Int8)
			return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}}, err
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			x, err := readQuantScalar(n, in, 1, 2, in[0].DType)
			if err != nil {
				return nil, err
			}
			y, err := readQuantScalar(n, in, 3, 4, in[0].DType)
			if err != nil {
				return nil, err
			}
			run, err := f(n)
			if err != nil {
				return nil, err
			}
			return tableKernel(qtable(x, y, run)), nil
		},
	}
}

// opQLinearConcat joins values of different scales along one axis. Inputs: scale and zero point of the result, then x, its scale and its
// zero point for each. Each goes through a table from its scale to the result's.
var opQLinearConcat = &Op{Name: "qlinear_concat", Domain: graph.DomainMicrosoft, Type: "QLinearConcat", Since: 1, MinInputs: 5,
	RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
		values := qconcatValues(in)
		carried := make([]int, len(values))
		for i := range carried {
			carried[i] = axes[2+3*i]
		}
		return rowsOffAxis(0)(n, values, out, carried)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if len(in) < 5 || len(in)%3 != 2 {
			return nil, modelErr(n, "%d inputs, expected 2 and 3 for each value", len(in))
		}
		values := qconcatValues(in)
		if err := wantDType(n, values, 0, tensor.Uint8, tensor.Int8); err != nil {
			return nil, err
		}
		return opConcat.Infer(n, values)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		values := qconcatValues(in)
		axis, err := concatAxis(n, values)
		if err != nil {
			return nil, err
		}
		y, err := readQuantScalar(n, in, 0, 1, values[0].DType)
		if err != nil {
			return nil, err
		}
		tables := make([][]uint8, len(values))
		for i := range tables {
			x, err := readQuantScalar(n, in, 3+3*i, 4+3*i, values[0].DType)
			if err != nil {
				return nil, err
			}
			if x != y {
				tables[i] = qtable(x, y, func(dst, x []float32) { copy(dst, x) })
			}
		}
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			outer, at := 1, 0
			for _, d := range out[0].Shape[:axis] {
				outer *= d
			}
			for i := range outer {
				for j, table := range tables {
					x := chunk(in[2+3*j].Bytes, i, outer)
					to := out[0].Bytes[at : at+len(x)]
					if at += len(x); table == nil {
						copy(to, x)
					} else {
						kernels.LookupU8(to, x, table)
					}
				}
			}
			return nil
		}), nil
	},
}

func qconcatValues(in []graph.Arg) []graph.Arg {
	var values []graph.Arg
	for i := 2; i < len(in); i += 3 {
		values = append(values, in[i])
	}
	return slices.Clip(values)
}
