package passes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
)

// network collects nodes and the weights they need.
type network struct {
	r *rand.Rand
	graph.Graph
}

func newNetwork(channels int, spatial ...int) *network {
	n := &network{r: rand.New(rand.NewPCG(3, uint64(channels)))}
	n.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Shape: append([]int{-1, channels}, spatial...)}}
	n.Initializers = map[string]*tensor.Tensor{}
	return n
}

func (n *network) random(shape ...int) string {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(n.r.NormFloat64() * 0.3)
	}
	name := fmt.Sprint("w", len(n.Initializers))
	n.Initializers[name] = t
	return name
}

// add appends a node; attributes are name, value pairs. It returns the name of the output.
func (n *network) add(op, in string, attrs ...any) string {
	out := fmt.Sprint("v", len(n.Nodes))
	a := map[string]graph.Attr{}
	for i := 0; i < len(attrs); i += 2 {
		a[attrs[i].(string)] = attrs[i+1].(graph.Attr)
	}
	n.Nodes = append(n.Nodes, &graph.Node{Op: op, Inputs: strings.Fields(in), Outputs: []string{out}, Attrs: a})
	return out
}

func (n *network) conv(x string, c, m, k, groups int, attrs ...any) string {
	return n.add("Conv", x+" "+n.random(m, c/groups, k, k)+" "+n.random(m), append(attrs, "group", graph.Int(int64(groups)), "pads", graph.Ints(int64(k/2), int64(k/2), int64(k/2), int64(k/2)))...)
}

func (n *network) norm(x string, channels int) string {
	variance := n.random(channels)
	for i := range tensor.Data[float32](n.Initializers[variance]) {
		tensor.Data[float32](n.Initializers[variance])[i] = 1
	}
	return n.add("BatchNormalization", x+" "+n.random(channels)+" "+n.random(channels)+" "+n.random(channels)+" "+variance)
}

func (n *network) model(outputs ...string) *graph.Model {
	for _, o := range outputs {
		n.Outputs = append(n.Outputs, graph.Value{Name: o})
	}
	return &graph.Model{Opsets: map[string]int64{"": 22}, Graph: n.Graph}
}

// execute runs a graph node by node.
func execute(t *testing.T, g *graph.Graph, x *tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	values := map[string]*tensor.Tensor{"x": x}
	for _, n := range g.Nodes {
		in, args := make([]*tensor.Tensor, len(n.Inputs)), make([]graph.Arg, len(n.Inputs))
		for i, name := range n.Inputs {
			if c := g.Initializers[name]; c != nil {
				in[i], args[i].Const = c, c
			} else {
				in[i] = values[name]
			}
			if in[i] != nil {
				args[i].DType, args[i].Shape = in[i].DType, in[i].Shape
			}
		}
		op, err := ops.Find(n)
		if err != nil {
			t.Fatal(err)
		}
		out, err := op.Infer(n, args)
		if err != nil {
			t.Fatal(err)
		}
		kernel, err := ops.CPU{}.Kernel(n, args)
		if err != nil {
			t.Fatal(err)
		}
		var scratch []byte
		if s, ok := kernel.(graph.ScratchKernel); ok {
			scratch = tensor.AlignedBytes(s.ScratchBytes(args))
		}
		y := tensor.New(out[0].DType, out[0].Shape...)
		if err := kernel.Run(in, []*tensor.Tensor{y}, scratch); err != nil {
			t.Fatal(err)
		}
		values[n.Outputs[0]] = y
	}
	var out []*tensor.Tensor
	for _, v := range g.Outputs {
		out = append(out, values[v.Name])
	}
	return out
}

// residual is a network of residual blocks, a squeeze-and-excite gate, concatenation, pooling, activations of all kinds and a grouped
// convolution that cannot be packed.
func residual() *graph.Model {
	n := newNetwork(3, -1, -1)
	stem := n.add("Relu", n.norm(n.conv("x", 3, 20, 7, 1, "strides", graph.Ints(2, 2)), 20))
	x := n.add("MaxPool", stem, "kernel_shape", graph.Ints(3, 3), "strides", graph.Ints(2, 2), "pads", graph.Ints(1, 1, 1, 1))
	a := n.add("Clip", n.conv(x, 20, 48, 1, 1), "min", graph.Float32(0), "max", graph.Float32(6))
	a = n.add("HardSwish", n.norm(n.conv(a, 48, 48, 3, 48), 48))
	a = n.norm(n.conv(a, 48, 20, 1, 1), 20)
	x = n.add("Add", x+" "+a)
	gate := n.add("GlobalAveragePool", x)
	gate = n.add("Sigmoid", n.conv(n.add("Relu", n.conv(gate, 20, 8, 1, 1)), 8, 20, 1, 1))
	x = n.add("Mul", x+" "+gate)
	x = n.add("Add", n.conv(x, 20, 20, 3, 1)+" "+n.conv(gate, 20, 20, 1, 1)) // broadcasts
	x = n.add("Add", n.conv(x, 20, 32, 3, 1)+" "+n.conv(x, 20, 32, 1, 1))
	x = n.add("LeakyRelu", x)
	b := n.add("Mul", x+" "+n.add("Sigmoid", x))
	c := n.add("AveragePool", n.norm(x, 32), "kernel_shape", graph.Ints(3, 3), "pads", graph.Ints(1, 1, 1, 1))
	y := n.add("Concat", b+" "+c, "axis", graph.Int(1))
	y = n.add("Tanh", n.conv(y, 64, 64, 3, 4))
	z := n.add("Elu", n.conv(y, 64, 6, 3, 2))
	z = n.add("Mul", n.add("Add", n.conv(z, 6, 24, 1, 1)+" "+n.random(1, 24, 1, 1))+" "+n.random(24, 1, 1))
	z = n.add("Div", n.random()+" "+z)
	flat := n.add("Flatten", n.add("GlobalMaxPool", z))
	return n.model(flat, stem, y)
}

// sequence is a one-dimensional network.
func sequence() *graph.Model {
	n := newNetwork(40, -1)
	x := n.add("Conv", "x "+n.random(64, 40, 3)+" "+n.random(64), "pads", graph.Ints(1, 1))
	x = n.add("Gelu", x)
	y := n.add("Conv", x+" "+n.random(64, 1, 5), "group", graph.Int(64), "pads", graph.Ints(2, 2))
	y = n.add("MaxPool", n.add("Add", y+" "+x), "kernel_shape", graph.Ints(2), "strides", graph.Ints(2))
	return n.model(n.add("Transpose", n.add("Conv", y+" "+n.random(20, 64, 1)), "perm", graph.Ints(0, 2, 1)))
}

// TestLayout: the packed graph has the bits of the plain one, for every size of the image.
func TestLayout(t *testing.T) {
	for name, c := range map[string]struct {
		m      *graph.Model
		shapes [][]int
		nodes  map[string]int // of each kind in the packed graph
	}{
		"residual": {residual(), [][]int{{1, 3, 32, 32}, {3, 3, 45, 61}, {2, 3, 5, 4}}, map[string]int{"PackChannels": 0, "UnpackChannels": 3, "Relu": 0, "HardSwish": 0, "BatchNormalization": 1, "Clip": 0}},
		"sequence": {sequence(), [][]int{{1, 40, 50}, {2, 40, 7}}, map[string]int{"PackChannels": 1, "UnpackChannels": 1, "Gelu": 0, "Add": 0}},
	} {
		plain, err := passes.Standard(c.m)
		if err != nil {
			t.Fatal(err)
		}
		if err := passes.Fuse(plain); err != nil {
			t.Fatal(err)
		}
		packed := plain.Clone()
		if err := passes.Layout(packed); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, n := range packed.Graph.Nodes {
			count[n.Op]++
		}
		for op, want := range c.nodes {
			if count[op] != want {
				t.Errorf("%s: %d nodes %s, expected %d: %s", name, count[op], op, want, opNames(packed))
			}
		}
		for _, shape := range c.shapes {
			x := tensor.New(tensor.Float32, shape...)
			r := rand.New(rand.NewPCG(1, uint64(len(x.Bytes))))
			for i := range tensor.Data[float32](x) {
				tensor.Data[float32](x)[i] = float32(r.NormFloat64())
			}
			want, got := execute(t, &plain.Graph, x), execute(t, &packed.Graph, x)
			for i := range want {
				if !slices.Equal(got[i].Shape, want[i].Shape) || !slices.Equal(got[i].Bytes, want[i].Bytes) {
					t.Errorf("%s of %v: output %d has other bits: %v and %v", name, shape, i, got[i].Shape, want[i].Shape)
				}
			}
		}
	}
}

// TestFoldScales: convolutions take in scales and sums, and the answer moves by rounding alone.
func TestFoldScales(t *testing.T) {
	n := newNetwork(8, 6, 6)
	v := n.norm(n.conv("x", 8, 12, 3, 1), 12)
	v = n.add("Add", n.random(12, 1, 1)+" "+n.add("Mul", v+" "+n.random(1)))
	v = n.add("ConvTranspose", v+" "+n.random(12, 5, 2, 2), "group", graph.Int(2), "strides", graph.Ints(2, 2))
	m := n.model(n.norm(n.add("Add", v+" "+n.random(1, 10, 1, 1)), 10))
	plain, err := passes.Standard(m)
	if err != nil {
		t.Fatal(err)
	}
	folded := plain.Clone()
	if err := passes.Fuse(folded); err != nil {
		t.Fatal(err)
	}
	if got := opNames(folded); got != "Conv ConvTranspose" {
		t.Errorf("nodes are %s", got)
	}
	x := tensor.New(tensor.Float32, 2, 8, 6, 6)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%7) - 3
	}
	want, got := tensor.Data[float32](execute(t, &plain.Graph, x)[0]), tensor.Data[float32](execute(t, &folded.Graph, x)[0])
	for i := range want {
		if d := got[i] - want[i]; d > 1e-5 || d < -1e-5 {
			t.Fatalf("element %d is %v, expected %v", i, got[i], want[i])
		}
	}
}

// TestChains: elementwise operators behind convolutions become one, up to a value that others use, and its bits are theirs.
func TestChains(t *testing.T) {
	n := newNetwork(20, 5, 7)
	v := n.conv("x", 20, 24, 1, 1)
	gate := n.add("Sigmoid", n.conv(n.add("GlobalAveragePool", v), 24, 24, 1, 1))
	sum := n.add("Add", v+" "+n.add("Mul", v+" "+gate))
	m := n.model(n.add("Relu", n.add("Sub", sum+" "+n.random(1))))
	packed := m.Clone()
	if err := passes.Layout(packed); err != nil {
		t.Fatal(err)
	}
	if names := opNames(packed); !strings.Contains(names, "Chain") || strings.Contains(names, "Mul") || strings.Contains(names, "Relu") {
		t.Errorf("nodes are %s", names)
	}
	x := tensor.New(tensor.Float32, 2, 20, 5, 7)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%11) - 5
	}
	if want, got := execute(t, &m.Graph, x)[0], execute(t, &packed.Graph, x)[0]; !slices.Equal(got.Bytes, want.Bytes) {
		t.Error("the result has other bits")
	}
}

// TestUpscaling: transposed convolutions whose kernel is their stride, nearest resizing and concatenation of part blocks stay packed.
func TestUpscaling(t *testing.T) {
	n := newNetwork(20, 5, 7)
	v := n.conv("x", 20, 24, 3, 1)
	n.Initializers["twice"] = tensor.Of([]float32{1, 1, 2, 2}, 4)
	large := n.add("Resize", v+"  twice")
	n.Nodes[len(n.Nodes)-1].Inputs = []string{v, "", "twice"}
	up := n.add("ConvTranspose", v+" "+n.random(24, 18, 2, 2)+" "+n.random(18), "strides", graph.Ints(2, 2))
	joined := n.add("Relu", n.add("Concat", large+" "+up, "axis", graph.Int(1)))
	m := n.model(n.add("ConvTranspose", joined+" "+n.random(42, 3, 2, 2), "strides", graph.Ints(2, 2)))
	packed := m.Clone()
	if err := passes.Layout(packed); err != nil {
		t.Fatal(err)
	}
	if names := opNames(packed); strings.Contains(names, "UnpackChannels") {
		t.Errorf("nodes are %s", names)
	}
	x := tensor.New(tensor.Float32, 2, 20, 5, 7)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%11) - 5
	}
	if want, got := execute(t, &m.Graph, x)[0], execute(t, &packed.Graph, x)[0]; !slices.Equal(got.Bytes, want.Bytes) {
		t.Error("the result has other bits")
	}
}
