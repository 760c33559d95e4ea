package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opAddLayerNorm and opAddRMSNorm normalise the sum of inputs 0 and 1, which is output 1: the residual of a transformer's layer. Inputs 2 and
// 3 are scale and bias, attributes those of LayerNormalization.
var (
	opAddLayerNorm = addNormOp("add_layer_norm", opLayerNorm)
	opAddRMSNorm   = addNormOp("add_rms_norm", opRMSNorm)
)

func addNormOp(name string, norm *Op) *Op {
	return &Op{
		Name: name, Domain: graph.DomainFused, Type: norm.Type, MinInputs: 3,
		RowAxes: func(n *graph.Node, in, out []graph.Arg, axes []int) []int {
			sum := rowsElementwise(n, in[:2], nil, axes[:2])
			axis, err := normAxis(n, out)
			if err != nil || sum == nil || sum[0] >= axis || slices.ContainsFunc(axes[2:], func(a int) bool { return a != graph.NoRows }) {
				return nil
			}
			return sum
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			sum, err := opAdd.Infer(n, in[:min(2, len(in))])
			if err != nil {
				return nil, err
			}
			out, err := norm.Infer(&graph.Node{Name: n.Name, Op: n.Op, Outputs: n.Outputs[:1], Attrs: n.Attrs}, append(sum, in[2:]...))
			return append(out, sum[0]), err
		},
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			eps, err := n.FloatAttr("epsilon", 1e-5)
			hasBias := present(in, 3)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				dst, scale, left, right := tensor.Data[float32](out[0]), tensor.Data[float32](in[2]), in[0], in[1]
				if len(dst) == 0 {
					return nil
				}
				if len(left.Bytes) != len(out[0].Bytes) { // what is stretched comes second
					left, right = right, left
				}
				x, y := tensor.Data[float32](left), tensor.Data[float32](right)
				var sum, bias []float32
				if len(out) > 1 {
					sum = tensor.Data[float32](out[1])
				}
				if hasBias {
					bias = tensor.Data[float32](in[3])
				}
				cols := len(scale)
				if len(x) != len(dst) || len(y) != len(dst) && !isRow(right.Shape, out[0].Shape, cols) {
					if sum == nil {
						sum = dst
					}
					broadcast(sum, x, y, out[0].Shape, left.Shape, right.Shape, kernels.AddF32)
					x, y, sum = sum, nil, nil
				}
				if norm == opRMSNorm {
					kernels.AddRMSNormF32(pool, dst, sum, x, y, scale, len(dst)/cols, cols, eps)
				} else {
					kernels.AddLayerNormF32(pool, dst, sum, x, y, scale, bias, len(dst)/cols, cols, eps)
				}
				return nil
			}), err
		},
	}
}

// isRow reports whether a value of shape s is one row of the last axes of shape, which have cols elements.
func isRow(s, shape []int, cols int) bool {
	size := 1
	for i := 1; size < cols && i <= len(shape); i++ {
		if dimFromEnd(s, i) != dimFromEnd(shape, i) {
			return false
		}
		size *= dimFromEnd(shape, i)
	}
	n, _ := tensor.Elements(s)
	return n == cols
}
