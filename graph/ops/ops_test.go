package ops_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
)

// opCase runs one operator: constants are the inputs whose index is in consts.
type opCase struct {
	name    string
	domain  string
	op      string
	attrs   map[string]graph.Attr
	in      []*tensor.Tensor
	consts  []int
	want    []*tensor.Tensor
	wantErr error
	opset   int64
	output  string // name of output 0
}

func f32(v []float32, shape ...int) *tensor.Tensor { return tensor.Of(v, shape...) }
func i64(v []int64, shape ...int) *tensor.Tensor   { return tensor.Of(v, shape...) }
func text(v ...string) *tensor.Tensor              { return tensor.OfStrings(v, len(v), 1) }

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

// cases holds at least one case per operator of the table; TestEveryOperatorHasACase sees to it.
var cases = slices.Concat(
	basicCases,
	elementwiseCases,
	reduceCases,
	reduceTypedCases,
	normCases,
	movementCases,
	typedCases,
	smallCases,
	quantizeCases,
	arrangedCases,
	resizeCases,
	convCases,
	volumeCases,
	gemmCases,
	attentionCases,
	rotaryCases,
	recurrentCases,
	groupQueryCases,
	integerCases,
	bf16Cases,
	float64Cases,
	weightCases,
	packedCases,
	quantizedCases,
	itemCases,
	visionCases,
	signalCases,
	textCases,
	mlCases,
	mathsCases,
	randomCases,
	trainingCases,
	linearAttentionCases,
	contribCases,
)

var basicCases = []opCase{
	{name: "broadcast row", op: "Add", in: ts(f32([]float32{1, 2, 3, 4}, 2, 2), f32([]float32{10, 20}, 2)), want: ts(f32([]float32{11, 22, 13, 24}, 2, 2))},
	{name: "broadcast left", op: "Sub", in: ts(f32([]float32{10, 20}, 2), f32([]float32{1, 2, 3, 4}, 2, 2)), want: ts(f32([]float32{9, 18, 7, 16}, 2, 2))},
	{name: "broadcast both", op: "Mul", in: ts(f32([]float32{1, 2}, 2, 1), f32([]float32{3, 4}, 1, 2)), want: ts(f32([]float32{3, 4, 6, 8}, 2, 2))},
	{name: "same shape", op: "Div", in: ts(f32([]float32{1, -1, 0}, 3), f32([]float32{0, 0, 0}, 3)), want: ts(f32([]float32{inf, -inf, nan}, 3))},
	{name: "int by zero", op: "Div", in: ts(i64([]int64{7, 7}, 2), i64([]int64{2, 0}, 2)), want: ts(i64([]int64{3, 0}, 2))},
	{name: "empty", op: "Add", in: ts(f32(nil, 0, 2), f32([]float32{1, 2}, 2)), want: ts(f32(nil, 0, 2))},
	{name: "shapes", op: "Add", in: ts(f32([]float32{1, 2, 3}, 3), f32([]float32{1, 2}, 2)), wantErr: graph.ErrModel},
	{name: "dtypes", op: "Add", in: ts(f32([]float32{1}, 1), i64([]int64{1}, 1)), wantErr: graph.ErrModel},
	{op: "Relu", in: ts(f32([]float32{-1, 0, 2, nan}, 4)), want: ts(f32([]float32{0, 0, 2, nan}, 4))},
	{op: "Sigmoid", in: ts(f32([]float32{0, inf, -inf}, 3)), want: ts(f32([]float32{0.5, 1, 0}, 3))},
	{op: "Tanh", in: ts(f32([]float32{0, inf, -inf}, 3)), want: ts(f32([]float32{0, 1, -1}, 3))},
	{op: "Exp", in: ts(f32([]float32{0, -inf}, 2)), want: ts(f32([]float32{1, 0}, 2))},
	{op: "Log", in: ts(f32([]float32{1, 0}, 2)), want: ts(f32([]float32{0, -inf}, 2))},
	{op: "Neg", in: ts(f32([]float32{1, -2}, 2)), want: ts(f32([]float32{-1, 2}, 2))},
	{op: "Abs", in: ts(f32([]float32{1, -2}, 2)), want: ts(f32([]float32{1, 2}, 2))},
	{op: "Sqrt", in: ts(f32([]float32{4, -1}, 2)), want: ts(f32([]float32{2, nan}, 2))},
	{op: "Identity", in: ts(text("a", "")), want: ts(text("a", ""))},
	{op: "Dropout", in: ts(f32([]float32{1}, 1)), want: ts(f32([]float32{1}, 1))},
	{name: "bias", op: "Gemm", consts: []int{1, 2}, in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{1, 2, 3, 4}, 2, 2), f32([]float32{10, 20}, 2)), want: ts(f32([]float32{17, 30}, 1, 2))},
	{name: "transB", op: "Gemm", attrs: map[string]graph.Attr{"transB": graph.Int(1)}, consts: []int{1}, in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{1, 2, 3, 4}, 2, 2)), want: ts(f32([]float32{5, 11}, 1, 2))},
	{name: "alpha beta", op: "Gemm", attrs: map[string]graph.Attr{"alpha": graph.Float32(2), "beta": graph.Float32(0.5)}, consts: []int{1, 2}, in: ts(f32([]float32{1, 2}, 1, 2), f32([]float32{1, 2, 3, 4}, 2, 2), f32([]float32{10}, 1)), want: ts(f32([]float32{19, 25}, 1, 2))},
	{name: "columns", op: "Gemm", consts: []int{1}, in: ts(f32([]float32{1, 2, 3}, 1, 3), f32([]float32{1, 2, 3, 4}, 2, 2)), wantErr: graph.ErrModel},
	{name: "rank 3", op: "MatMul", consts: []int{1}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 1, 2), f32([]float32{1, 1}, 2, 1)), want: ts(f32([]float32{3, 7}, 2, 1, 1))},
	{name: "relu epilogue", domain: graph.DomainFused, op: "Gemm", attrs: map[string]graph.Attr{ops.AttrActivation: graph.Str("Relu")}, consts: []int{1}, in: ts(f32([]float32{1, -1}, 2, 1), f32([]float32{1, -1}, 1, 2)), want: ts(f32([]float32{1, 0, 0, 1}, 2, 2))},
	{op: "Softmax", in: ts(f32([]float32{1, 1, 1, 1}, 2, 2)), want: ts(f32([]float32{0.5, 0.5, 0.5, 0.5}, 2, 2))},
	{name: "zero and free", op: "Reshape", consts: []int{1}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 1, 2), i64([]int64{0, -1}, 2)), want: ts(f32([]float32{1, 2, 3, 4}, 2, 2))},
	{name: "ON11 two free", op: "Reshape", consts: []int{1}, in: ts(f32([]float32{1, 2}, 2), i64([]int64{-1, -1}, 2)), wantErr: graph.ErrModel},
	{name: "ON11 huge", op: "Reshape", consts: []int{1}, in: ts(f32([]float32{1, 2}, 2), i64([]int64{1 << 62, 1 << 62}, 2)), wantErr: graph.ErrModel},
	{op: "Flatten", in: ts(f32([]float32{1, 2, 3, 4}, 2, 1, 2)), want: ts(f32([]float32{1, 2, 3, 4}, 2, 2))},
	{op: "Squeeze", consts: []int{1}, in: ts(f32([]float32{1, 2}, 2, 1), i64([]int64{1}, 1)), want: ts(f32([]float32{1, 2}, 2))},
	{op: "Unsqueeze", consts: []int{1}, in: ts(f32([]float32{1, 2}, 2), i64([]int64{0}, 1)), want: ts(f32([]float32{1, 2}, 1, 2))},
	{op: "Concat", attrs: map[string]graph.Attr{"axis": graph.Int(1)}, in: ts(f32([]float32{1, 2}, 2, 1), f32([]float32{3, 4, 5, 6}, 2, 2)), want: ts(f32([]float32{1, 3, 4, 2, 5, 6}, 2, 3))},
	{name: "text", op: "Concat", attrs: map[string]graph.Attr{"axis": graph.Int(0)}, in: ts(text("a"), text("b")), want: ts(text("a", "b"))},
	{name: "ON11 axis", op: "Concat", attrs: map[string]graph.Attr{"axis": graph.Int(2)}, in: ts(text("a"), text("b")), wantErr: graph.ErrModel},
	{name: "saturates", op: "Cast", attrs: map[string]graph.Attr{"to": graph.Int(int64(tensor.Int32.ONNX()))}, in: ts(f32([]float32{1.9, -1.9, nan, inf}, 4)), want: ts(tensor.Of([]int32{1, -1, 0, math.MaxInt32}, 4))},
	{name: "from bool", op: "Cast", attrs: map[string]graph.Attr{"to": graph.Int(int64(tensor.Float32.ONNX()))}, in: ts(tensor.Of([]bool{true, false}, 2)), want: ts(f32([]float32{1, 0}, 2))},
	{op: "ArgMax", attrs: map[string]graph.Attr{"axis": graph.Int(-1), "keepdims": graph.Int(0)}, in: ts(f32([]float32{1, 3, 3, 2, 1, 0}, 2, 3)), want: ts(i64([]int64{1, 0}, 2))},
	{name: "ties to even", op: "QuantizeLinear", consts: []int{1, 2}, in: ts(f32([]float32{0.5, 1.5, 300, -300}, 4), f32([]float32{1}), tensor.Of([]uint8{10})), want: ts(tensor.Of([]uint8{10, 12, 255, 0}, 4))},
	{name: "signed", op: "QuantizeLinear", consts: []int{1, 2}, in: ts(f32([]float32{0.5, 1.5, 300, -300}, 4), f32([]float32{1}), tensor.Of([]int8{-3})), want: ts(tensor.Of([]int8{-3, -1, 127, -128}, 4))},
	{name: "ON12 scale", op: "QuantizeLinear", consts: []int{1}, in: ts(f32([]float32{1}, 1), f32([]float32{0})), wantErr: graph.ErrModel},
	{name: "ON12 zero point", op: "DequantizeLinear", consts: []int{1, 2}, in: ts(tensor.Of([]uint8{1}, 1), f32([]float32{1}), tensor.Of([]int8{0})), wantErr: graph.ErrModel},
	{name: "per axis", op: "DequantizeLinear", consts: []int{1}, attrs: map[string]graph.Attr{"axis": graph.Int(1)}, in: ts(tensor.Of([]int8{1, 2, 3, 4}, 2, 2), f32([]float32{0.5, 2}, 2)), want: ts(f32([]float32{0.5, 4, 1.5, 8}, 2, 2))},
	{name: "f32 out", domain: graph.DomainFused, op: "QGemm", consts: []int{1, 2, 3, 4, 5}, in: ts(tensor.Of([]uint8{130, 126}, 1, 2), f32([]float32{0.5}), tensor.Of([]uint8{128}), tensor.Of([]int8{3, 4}, 2, 1), f32([]float32{2}, 1), tensor.Of([]int32{10}, 1)), want: ts(f32([]float32{8}, 1, 1))},
	{name: "u8 out", domain: graph.DomainFused, op: "QGemm", attrs: map[string]graph.Attr{ops.AttrActivation: graph.Str("Relu")}, consts: []int{1, 2, 3, 4, 5, 6, 7}, in: ts(tensor.Of([]uint8{130, 126}, 2, 1), f32([]float32{1}), tensor.Of([]uint8{128}), tensor.Of([]int8{3}, 1, 1), f32([]float32{1}, 1), tensor.Of([]int32{0}, 1), f32([]float32{2}), tensor.Of([]uint8{5})), want: ts(tensor.Of([]uint8{8, 5}, 2, 1))},
	{domain: graph.DomainML, op: "Scaler", attrs: map[string]graph.Attr{"offset": graph.Floats([]float32{1, 2}), "scale": graph.Floats([]float32{10})}, in: ts(f32([]float32{1, 3}, 1, 2)), want: ts(f32([]float32{0, 10}, 1, 2))},
	{name: "wrong length", domain: graph.DomainML, op: "Scaler", attrs: map[string]graph.Attr{"offset": graph.Floats([]float32{1, 2, 3}), "scale": graph.Floats([]float32{10})}, in: ts(f32([]float32{1, 3}, 1, 2)), wantErr: graph.ErrModel},
	{domain: graph.DomainML, op: "Imputer", attrs: map[string]graph.Attr{"imputed_value_floats": graph.Floats([]float32{7, 8}), "replaced_value_float": graph.Float32(nan)}, in: ts(f32([]float32{nan, 1, 2, nan}, 2, 2)), want: ts(f32([]float32{7, 1, 2, 8}, 2, 2))},
	{domain: graph.DomainML, op: "OneHotEncoder", attrs: map[string]graph.Attr{"cats_strings": graph.Strs([]string{"a", "b"})}, in: ts(text("b", "c")), want: ts(f32([]float32{0, 1, 0, 0}, 2, 1, 2))},
	{name: "unknown refused", domain: graph.DomainML, op: "OneHotEncoder", attrs: map[string]graph.Attr{"cats_strings": graph.Strs([]string{"a"}), "zeros": graph.Int(0)}, in: ts(text("c")), wantErr: graph.ErrInput},
	{domain: graph.DomainML, op: "LabelEncoder", attrs: map[string]graph.Attr{"keys_strings": graph.Strs([]string{"a", "b"}), "values_floats": graph.Floats([]float32{5, 6}), "default_float": graph.Float32(-1)}, in: ts(text("b", "?")), want: ts(f32([]float32{6, -1}, 2, 1))},
	{name: "two leaves", domain: graph.DomainML, op: "TreeEnsembleRegressor", attrs: stump(), in: ts(f32([]float32{1, 2, nan}, 3, 1)), want: ts(f32([]float32{10, 20, 20}, 3, 1))},
	{name: "cycle", domain: graph.DomainML, op: "TreeEnsembleRegressor", attrs: with(stump(), "nodes_truenodeids", graph.Ints(0, 0, 0)), in: ts(f32([]float32{1}, 1, 1)), wantErr: graph.ErrModel},
	{name: "feature", domain: graph.DomainML, op: "TreeEnsembleRegressor", attrs: with(stump(), "nodes_featureids", graph.Ints(1, 0, 0)), in: ts(f32([]float32{1}, 1, 1)), wantErr: graph.ErrModel},
}

func ts(t ...*tensor.Tensor) []*tensor.Tensor { return t }

func with(m map[string]graph.Attr, name string, a graph.Attr) map[string]graph.Attr {
	m[name] = a
	return m
}

// stump is x0 <= 1 ? 10 : 20.
func stump() map[string]graph.Attr {
	return map[string]graph.Attr{
		"n_targets": graph.Int(1), "nodes_treeids": graph.Ints(0, 0, 0), "nodes_nodeids": graph.Ints(0, 1, 2),
		"nodes_featureids": graph.Ints(0, 0, 0), "nodes_modes": graph.Strs([]string{"BRANCH_LEQ", "LEAF", "LEAF"}),
		"nodes_values": graph.Floats([]float32{1, 0, 0}), "nodes_truenodeids": graph.Ints(1, 0, 0), "nodes_falsenodeids": graph.Ints(2, 0, 0),
		"target_treeids": graph.Ints(0, 0), "target_nodeids": graph.Ints(1, 2), "target_ids": graph.Ints(0, 0), "target_weights": graph.Floats([]float32{10, 20}),
	}
}

func (c *opCase) node() *graph.Node {
	n := &graph.Node{Domain: c.domain, Op: c.op, Inputs: make([]string, len(c.in)), Outputs: make([]string, max(1, len(c.want))), Attrs: c.attrs, Opset: c.opset}
	n.Outputs[0] = c.output
	return n
}

func (c *opCase) run() ([]*tensor.Tensor, error) {
	n := c.node()
	args := make([]graph.Arg, len(c.in))
	for i, t := range c.in {
		if t != nil { // an omitted optional
			args[i] = graph.Arg{DType: t.DType, Shape: t.Shape}
		}
	}
	for _, i := range c.consts {
		args[i].Const = c.in[i]
	}
	op, err := ops.Find(n)
	if err != nil {
		return nil, err
	}
	if op.Expand != nil {
		return c.runExpanded(op)
	}
	out, err := op.Infer(n, args)
	if err != nil {
		return nil, err
	}
	kernel, err := ops.CPU{}.Kernel(n, args)
	if err != nil {
		return nil, err
	}
	results := make([]*tensor.Tensor, len(out))
	for i, a := range out {
		results[i] = tensor.New(a.DType, a.Shape...)
	}
	return results, kernel.Run(c.in, results, scratchOf(kernel, args))
}

func scratchOf(k graph.Kernel, args []graph.Arg) []byte {
	if s, ok := k.(graph.ScratchKernel); ok {
		return tensor.AlignedBytes(s.ScratchBytes(args))
	}
	return nil
}

func TestOperators(t *testing.T) {
	for _, c := range cases {
		t.Run(c.op+" "+c.name, func(t *testing.T) {
			got, err := c.run()
			if c.wantErr != nil {
				if !errors.Is(err, c.wantErr) {
					t.Fatalf("error %v, expected %v", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if want == nil { // not looked at
					continue
				}
				if d := diff(got[i], want); d != "" {
					t.Errorf("output %d: %s", i, d)
				}
			}
		})
	}
}

// diff compares dtype, shape and elements; NaN equals NaN, and the sign of zero is not looked at.
func diff(got, want *tensor.Tensor) string {
	if got.DType != want.DType || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return fmt.Sprintf("%s %v, expected %s %v", got.DType, got.Shape, want.DType, want.Shape)
	}
	if got.DType.Composite() {
		for i := range want.Items {
			if d := diff(got.Items[i], want.Items[i]); d != "" {
				return fmt.Sprintf("item %d: %s", i, d)
			}
		}
		return ""
	}
	if got.DType == tensor.Float32 {
		g, w := tensor.Data[float32](got), tensor.Data[float32](want)
		for i := range g {
			if g[i] != w[i] && !(g[i] != g[i] && w[i] != w[i]) {
				return fmt.Sprintf("element %d is %v, expected %v", i, g[i], w[i])
			}
		}
		return ""
	}
	if fmt.Sprint(got.Bytes, got.Strings) != fmt.Sprint(want.Bytes, want.Strings) {
		return fmt.Sprintf("%v %v, expected %v %v", got.Bytes, got.Strings, want.Bytes, want.Strings)
	}
	return ""
}

func TestEveryOperatorHasACase(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range cases {
		if c.wantErr == nil {
			tested[c.domain+"."+c.op] = true
		}
	}
	for _, op := range ops.All() {
		if op.Flow == nil && !tested[op.Domain+"."+op.Type] { // those with bodies are tested in graph/plan
			t.Errorf("operator %s has no case that succeeds", op.Type)
		}
	}
}

func TestKernelsDoNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector drops pooled objects")
	}
	for _, c := range cases {
		n := c.node()
		if op, _ := ops.Lookup(n.Domain, n.Op); c.wantErr != nil || op.Expand != nil {
			continue
		}
		out, err := c.run()
		if err != nil {
			t.Fatalf("%s: %v", c.op, err)
		}
		if out[0].DType == tensor.String || out[0].DType.Composite() || len(c.in) > 0 && c.in[0] != nil && c.in[0].DType.Composite() {
			continue // texts and items are new
		}
		if c.op == "ImageDecoder" {
			continue // decoders have memory of their own
		}
		all := make([]int, len(c.in))
		for i := range all {
			all[i] = i
		}
		for _, consts := range [][]int{c.consts, all} {
			args := make([]graph.Arg, len(c.in))
			for i, x := range c.in {
				if x != nil {
					args[i] = graph.Arg{DType: x.DType, Shape: x.Shape}
				}
			}
			for _, i := range consts {
				args[i].Const = c.in[i]
			}
			kernel, err := ops.CPU{}.Kernel(n, args)
			if err != nil {
				t.Fatalf("%s: %v", c.op, err)
			}
			scratch := scratchOf(kernel, args)
			if allocs := testing.AllocsPerRun(20, func() { _ = kernel.Run(c.in, out, scratch) }); allocs != 0 {
				t.Errorf("%s %s: %v allocations per run", c.op, c.name, allocs)
			}
		}
	}
}
