package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// gradCases has at least one case per operator with a gradient: attributes and the shapes of its inputs.
var gradCases = []struct {
	op     string
	attrs  map[string]graph.Attr
	shapes [][]int
}{
	{"Gemm", nil, [][]int{{5, 7}, {7, 3}, {3}}},
	{"Gemm", nil, [][]int{{5, 7}, {7, 3}}},
	{"Gemm", map[string]graph.Attr{"transB": graph.Int(1)}, [][]int{{4, 6}, {9, 6}, {9}}},
	{"Gemm", nil, [][]int{{33, 20}, {20, 17}, {17}}},
	{"Relu", nil, [][]int{{3, 11}}},
	{"Sigmoid", nil, [][]int{{3, 11}}},
	{"Tanh", nil, [][]int{{3, 11}}},
	{"Softmax", map[string]graph.Attr{"axis": graph.Int(1)}, [][]int{{4, 9}}},
}

// TestGradients compares every gradient with central differences of Σ r·f(x) for a random r.
func TestGradients(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range gradCases {
		covered[c.op] = true
		t.Run(fmt.Sprint(c.op, c.attrs, c.shapes), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			op, ok := Lookup(graph.DomainONNX, c.op)
			if !ok {
				t.Fatal("no such operator")
			}
			n := &graph.Node{Op: c.op, Attrs: c.attrs, Outputs: []string{"y"}}
			pool := kernels.NewPool(2)
			defer pool.Close()
			g, err := op.Grad(n, pool)
			if err != nil {
				t.Fatal(err)
			}
			var in, dIn []*tensor.Tensor
			var args []graph.Arg
			for _, s := range c.shapes {
				x := randomTensor(r, s)
				in, dIn = append(in, x), append(dIn, tensor.New(tensor.Float32, s...))
				args = append(args, graph.Arg{DType: tensor.Float32, Shape: s})
				n.Inputs = append(n.Inputs, "x")
			}
			inferred, err := op.Infer(n, args)
			if err != nil {
				t.Fatal(err)
			}
			out := tensor.New(tensor.Float32, inferred[0].Shape...)
			weights := randomTensor(r, out.Shape)
			value := func() float64 {
				g.Forward(in, out)
				var sum float64
				for i, v := range tensor.Data[float32](out) {
					sum += float64(v) * float64(tensor.Data[float32](weights)[i])
				}
				return sum
			}
			value()
			g.Backward(in, out, weights, dIn)
			for k := range in {
				x, d := tensor.Data[float32](in[k]), tensor.Data[float32](dIn[k])
				for i := range x {
					const h = 1.0 / 256
					at := x[i]
					x[i] = at + h
					up := value()
					x[i] = at - h
					down := value()
					x[i] = at
					if want := (up - down) / (2 * h); math.Abs(want-float64(d[i])) > 2e-3*(1+math.Abs(want)) {
						t.Fatalf("input %d element %d: gradient %v, differences say %v", k, i, d[i], want)
					}
				}
			}
			value()
			g.Backward(in, out, weights, make([]*tensor.Tensor, len(in))) // nothing wanted: must not panic
		})
	}
	for _, op := range All() {
		if op.Grad != nil && !covered[op.Type] {
			t.Errorf("operator %s has a gradient and no case here", op.Type)
		}
	}
}

// randomTensor keeps away from the kink of relu at 0.
func randomTensor(r *rand.Rand, shape []int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		v := float32(0.1 + r.Float64())
		if r.IntN(2) == 0 {
			v = -v
		}
		tensor.Data[float32](x)[i] = v
	}
	return x
}
