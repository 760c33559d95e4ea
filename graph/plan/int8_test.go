package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

func scalarOf[T float32 | uint8 | int8](v T) *tensor.Tensor { return tensor.Of([]T{v}) }

func randomBytes[T int8 | uint8](r *rand.Rand, shape ...int) *tensor.Tensor {
	n, _ := tensor.Elements(shape)
	data := make([]T, n)
	for i := range data {
		data[i] = T(r.Uint32())
	}
	return tensor.Of(data, shape...)
}

// opsOf lists the steps of a plan.
func opsOf(t *testing.T, p *plan.Plan) []string {
	t.Helper()
	steps, _, err := p.Describe(p.NewInputs(1))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.Op)
	}
	return names
}

// opened is m with the given values as outputs too, so that nothing around them is fused.
func opened(m *graph.Model, values ...string) *graph.Model {
	o := m.Clone()
	for _, v := range values {
		o.Graph.Outputs = append(o.Graph.Outputs, graph.Value{Name: v})
	}
	return o
}

// runBoth compiles m and its opened form, checks the steps of the first and returns the first output of both.
func runBoth(t *testing.T, m, open *graph.Model, steps string) (a, b *tensor.Tensor) {
	t.Helper()
	var out [2]*tensor.Tensor
	for i, m := range []*graph.Model{m, open} {
		p := compile(t, m, plan.Options{})
		if got := fmt.Sprint(opsOf(t, p)); i == 0 && got != steps {
			t.Errorf("the steps are %s, expected %s", got, steps)
		}
		in, o := p.NewInputs(2), p.NewOutputs()
		for _, x := range in {
			r := rand.New(rand.NewPCG(4, 4))
			if x.DType == tensor.Float32 {
				for j := range tensor.Data[float32](x) {
					tensor.Data[float32](x)[j] = float32(r.NormFloat64() * 2)
				}
				continue
			}
			for j := range x.Bytes {
				x.Bytes[j] = uint8(r.Uint32())
			}
		}
		if err := p.Run(in, o); err != nil {
			t.Fatal(err)
		}
		out[i] = o[0]
	}
	return out[0], out[1]
}

// TestTablesAreExact: a function of one quantised value, and what moves bytes, gives the bits that floats give.
func TestTablesAreExact(t *testing.T) {
	m := &graph.Model{Opsets: map[string]int64{"": 20}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3, 8, 8}}},
		Outputs:      []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{"s": scalarOf[float32](0.03), "z": scalarOf[int8](-20), "t": scalarOf[float32](0.02), "u": scalarOf[int8](5), "one": scalarOf[float32](1.5)},
		Nodes: []*graph.Node{
			node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"),
			node("MaxPool", "d", "p", "kernel_shape", graph.Ints(3, 3), "pads", graph.Ints(1, 1, 1, 1)),
			node("Sigmoid", "p", "g"), node("Mul", "g p", "w"), node("Add", "w one", "v"),
			node("QuantizeLinear", "v t u", "r"), node("DequantizeLinear", "r t u", "e"),
			node("Flatten", "e", "f"), node("Neg", "f", "y"),
		},
	}}
	a, b := runBoth(t, m, opened(m, "q", "d", "p", "v", "r", "e"), "[quantize_linear max_pool qtable dequantize_linear neg]")
	if !slices.Equal(a.Bytes, b.Bytes) {
		t.Error("other bits than without tables")
	}
}

// qdqConv is two convolutions with weights of u8 and zero points, a bias of floats, limits, a residual and a result of floats.
func qdqConv(weightZero uint8) *graph.Model {
	r := rand.New(rand.NewPCG(1, 5))
	return &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 6, 7, 7}}},
		Outputs: []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{
			"s": scalarOf[float32](0.03), "z": scalarOf[uint8](120), "w": randomBytes[uint8](r, 6, 6, 3, 3), "ws": tensor.Of([]float32{0.01, 0.02, 0.01, 0.005, 0.01, 0.02}, 6),
			"wz": tensor.Of([]uint8{weightZero, 128, 0, 130, 128, 128}, 6), "b": random(r, 6), "t": scalarOf[float32](0.1), "u": scalarOf[uint8](10),
			"lo": scalarOf[float32](0), "hi": scalarOf[float32](6), "s8": randomBytes[int8](r, 4, 6, 1, 1), "s8s": scalarOf[float32](0.01), "s8z": scalarOf[int8](0),
		},
		Nodes: []*graph.Node{
			node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"),
			node("DequantizeLinear", "w ws wz", "wf", "axis", graph.Int(0)),
			node("Conv", "d wf b", "c", "pads", graph.Ints(1, 1, 1, 1)),
			node("Clip", "c lo hi", "k"),
			node("QuantizeLinear", "k t u", "r"), node("DequantizeLinear", "r t u", "e"),
			node("Add", "e d", "a"), node("QuantizeLinear", "a t u", "aq"), node("DequantizeLinear", "aq t u", "ad"),
			node("DequantizeLinear", "s8 s8s s8z", "vf"),
			node("Conv", "ad vf", "y"),
		},
	}}
}

// TestQuantizedConv: the integer convolution differs from the float one by what rounding the other way at one step costs at most.
func TestQuantizedConv(t *testing.T) {
	for _, zero := range []uint8{0, 128, 255} {
		m := qdqConv(zero)
		a, b := runBoth(t, m, opened(m, "q", "d", "c", "r", "e", "aq", "ad"), "[quantize_linear transpose qconv qadd qconv transpose]")
		x, y := tensor.Data[float32](a), tensor.Data[float32](b)
		far := 0
		for i := range x {
			d := x[i] - y[i]
			if d > 0.5 || d < -0.5 {
				t.Fatalf("zero %d: element %d is %v, in floats %v", zero, i, x[i], y[i])
			}
			if d > 1e-3 || d < -1e-3 {
				far++
			}
		}
		if far > len(x)/20 {
			t.Errorf("zero %d: %d of %d elements differ", zero, far, len(x))
		}
	}
}

// TestQuantizedOperators: the operators of quantised models are brought to channels last, with the same bits.
func TestQuantizedOperators(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 5))
	ms := func(op, in, out string, kv ...any) *graph.Node {
		n := node(op, in, out, kv...)
		n.Domain = graph.DomainMicrosoft
		return n
	}
	m := &graph.Model{Opsets: map[string]int64{"": 17, graph.DomainMicrosoft: 1}, Graph: graph.Graph{
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Uint8, Shape: []int{-1, 5, 9, 7}}},
		Outputs: []graph.Value{{Name: "y"}},
		Initializers: map[string]*tensor.Tensor{
			"s": scalarOf[float32](0.03), "z": scalarOf[uint8](120), "w": randomBytes[int8](r, 6, 5, 3, 3), "ws": scalarOf[float32](0.01), "wz": scalarOf[int8](0),
			"t": scalarOf[float32](0.1), "u": scalarOf[uint8](10),
		},
		Nodes: []*graph.Node{
			node("QLinearConv", "x s z w ws wz t u", "c", "pads", graph.Ints(1, 1, 1, 1)),
			ms("QLinearLeakyRelu", "c t u t u", "l", "alpha", graph.Float32(0.1)),
			node("MaxPool", "l", "p", "kernel_shape", graph.Ints(2, 2)),
			ms("QLinearAveragePool", "l t u t u", "v", "kernel_shape", graph.Ints(2, 2)),
			ms("QLinearAdd", "p t u v t u t u", "a"),
			ms("QLinearConcat", "t u a t u p s z", "j", "axis", graph.Int(-3)),
			ms("QLinearMul", "j t u j t u t u", "o"),
			ms("QLinearGlobalAveragePool", "o t u t u", "y"),
		},
	}}
	a, _ := runBoth(t, m, m, "[transpose qconv qlinear_leaky_relu qmax_pool qlinear_average_pool qlinear_add qlinear_concat qlinear_mul qlinear_global_average_pool transpose]")
	// One operator at a time, as operators and not as the pass has them.
	values := map[string]*tensor.Tensor{}
	p := compile(t, m, plan.Options{})
	in := p.NewInputs(2)
	rr := rand.New(rand.NewPCG(4, 4))
	for j := range in[0].Bytes {
		in[0].Bytes[j] = uint8(rr.Uint32())
	}
	values["x"] = in[0]
	for _, n := range m.Graph.Nodes {
		values[n.Outputs[0]] = alone(t, n, values, m.Graph.Initializers)
	}
	if !slices.Equal(values["y"].Bytes, a.Bytes) {
		t.Error("other bits than one operator at a time")
	}
}

// alone runs one node through its operator.
func alone(t *testing.T, n *graph.Node, values, constants map[string]*tensor.Tensor) *tensor.Tensor {
	t.Helper()
	var in []*tensor.Tensor
	var args []graph.Arg
	for _, name := range n.Inputs {
		v, c := values[name], constants[name]
		if v == nil {
			v = c
		}
		in, args = append(in, v), append(args, graph.Arg{DType: v.DType, Shape: v.Shape, Const: c})
	}
	op, err := ops.Find(n)
	if err != nil {
		t.Fatal(err)
	}
	outArgs, err := op.Infer(n, args)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := op.Build(n, args, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := tensor.New(outArgs[0].DType, outArgs[0].Shape...)
	var scratch []byte
	if s, ok := kernel.(graph.ScratchKernel); ok {
		scratch = tensor.AlignedBytes(s.ScratchBytes(args))
	}
	if err := kernel.Run(in, []*tensor.Tensor{out}, scratch); err != nil {
		t.Fatal(err)
	}
	return out
}
